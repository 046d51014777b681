#!/usr/bin/python3
"""Stands in for `precsim train` in tests of the scripts: writes a record in the shape of SCHEMA.md within a second.

The statistics are those of random tensors under a plain model of the point's format; loss and accuracy are made up.
plan.name=dfp4 diverges, plan.name=broken is a user's mistake, train.epochs=1000 runs until it is interrupted.
"""

import os
import re
import signal
import sys
import time
from pathlib import Path

import h5py
import numpy

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/experiments"))
from schema_check import expected_dtype, read_schema  # noqa: E402

LAYERS = ["conv1", "conv2", "fc1", "fc2", "fc3"]
STEPS, EVERY, IMAGES = 240, 20, 2000
FLOATS = {"fp32": (8, 23), "fp16": (5, 10), "bf16": (8, 7)}


def convert_float(x, exponent_bits, mantissa_bits):
    lowest = 2 - 2 ** (exponent_bits - 1)
    step = 2.0 ** (numpy.maximum(numpy.frexp(x)[1] - 1, lowest) - mantissa_bits)
    return numpy.rint(x / step) * step


def convert_dfp(x, bits, headroom, block):
    y = numpy.empty_like(x)
    exponents = []
    for start in range(0, len(x), block):
        part = x[start:start + block]
        absmax = numpy.abs(part).max()
        exponent = int(numpy.frexp(absmax)[1]) - 1 - (bits - 2) + headroom if absmax else -149
        top = 2 ** (bits - 1 - headroom) - 1
        y[start:start + block] = numpy.clip(numpy.rint(part * 2.0 ** -exponent), -top, top) * 2.0 ** exponent
        exponents.append(exponent)
    return y, exponents


def convert(x, name):
    if name in FLOATS:
        return convert_float(x, *FLOATS[name]), []
    bits = int(re.match(r"dfp(\d+)", name).group(1))
    headroom, block = (re.search(rf"{option}=(\d+)", name) for option in ("headroom", "block"))
    return convert_dfp(x, bits, int(headroom.group(1)) if headroom else 0, int(block.group(1)) if block else len(x))


def draw(generator, role, depth, step):
    x = generator.standard_normal(4096)
    if role == "weights":
        return 0.25 / (1 + depth) * x
    if role == "activations":
        return numpy.maximum(x, 0) * (1 + depth)
    scale = 2.0 ** (-12 + depth - 4 * step / STEPS)
    return scale * x * numpy.exp2(3 * generator.standard_normal(4096)) * (generator.random(4096) < 0.6)


def statistics_row(x, y, exponents):
    error = x - y
    power, noise = (x * x).sum(), (error * error).sum()
    sqnr = 10 * numpy.log10(power / noise) if noise else numpy.inf
    cosine = (x * y).sum() / numpy.sqrt(power * (y * y).sum()) if y.any() else 0.0
    nonzero = x != 0
    return (len(x), 0, int((x == 0).sum()), x.min(), x.max(), numpy.abs(x).max(), x.mean(), x.std(),
            sqnr, (error * error).mean(), numpy.abs(error).max(),
            (numpy.abs(error[nonzero]) / numpy.abs(x[nonzero])).max(), -error.mean(), cosine,
            int((nonzero & (y == 0)).sum()), 0, len(exponents), min(exponents, default=0), max(exponents, default=0))


def octaves(x, y):
    x, y = x[x != 0], y[x != 0]
    exponent = numpy.frexp(x)[1]
    octave = numpy.minimum(exponent.max() - exponent, 39)
    counts = numpy.bincount(octave, minlength=40)
    squares = numpy.bincount(octave, weights=((x - y) / x) ** 2, minlength=40)
    return counts, numpy.sqrt(squares / numpy.maximum(counts, 1))


def make_rows(settings, steps):
    plan = settings.get("plan.name", "dfp16")
    default = {"dfp16": "dfp16:headroom=1", "dfp12": "dfp12:headroom=1"}.get(plan, plan)
    rounding = settings.get("plan.rounding", "nearest_even")
    overflows = "chain=inf" in settings.get("plan.accumulator", "")
    generator = numpy.random.default_rng(int(settings.get("run.seed", "1")))
    rows = {name: [] for name in ("training", "evaluation", "tensor_statistics", "exponent_histograms", "octave_errors",
                                  "products", "telemetry")}
    ceiling = 0.98 - {"dfp8": 0.01, "dfp4": 0.4}.get(plan, 0.002 * generator.random())
    for step in range(1, steps + 1):
        loss = 0.08 + 2.2 * numpy.exp(-step / 40) * (1 + 0.15 * generator.standard_normal())
        share = ceiling - 0.88 * numpy.exp(-step / 35) + 0.02 * generator.standard_normal()
        scale, skipped = (65536.0 / 2 ** (step > 30), int(step == 30)) if plan == "fp16" else (1.0, 0)
        rate = 0.05 * (1 - step / STEPS)
        rows["training"].append((step, (step - 1) // 60, rate, loss, min(share, 1.0), scale, skipped))
        if step % 60 == 0:
            correct = round(IMAGES * (ceiling - 0.88 * numpy.exp(-step / 35)))
            rows["evaluation"].append((step, step // 60 - 1, IMAGES, correct, correct / IMAGES,
                                       0.09 + 2.2 * numpy.exp(-step / 40), IMAGES, 1.0))
        if step == 1 or step % EVERY == 0:
            for depth, layer in enumerate(LAYERS):
                add_statistics(rows, generator, step, depth, layer, settings, default, rounding, overflows)
    return rows


def add_statistics(rows, generator, step, depth, layer, settings, default, rounding, overflows):
    for role in ("weights", "activations", "errors"):
        name = settings.get(f"plan.{role}", default)
        x = draw(generator, role, depth, step).astype("f4").astype("f8")
        for use in ("forward", "weight_gradient") if "block" in name and role == "activations" else ("all",):
            y, exponents = convert(x, name)
            rows["tensor_statistics"].append((step, layer, role, use, name, rounding, *statistics_row(x, y, exponents)))
            bins = numpy.bincount(numpy.frexp(x[x != 0])[1] - 1 + 149, minlength=277)
            rows["exponent_histograms"].append((step, layer, role, use, int((x == 0).sum()), bins))
            rows["octave_errors"].append((step, layer, role, use, name, *octaves(x, y)))
    events = int(generator.integers(1, 10000)) if overflows else 0
    first = 0 if events else -1
    chain_bits = numpy.bincount(generator.integers(18, 31, 1000), minlength=64)
    for name in ("forward", "input_gradient", "weight_gradient"):
        call = (step, layer, name, settings.get("plan.accumulator", "int32:chain=auto"),
                "integer" if default.startswith("dfp") else "float")
        rows["products"].append((*call, 1000, 100000, 1000, 128, int(not overflows)))
        rows["telemetry"].append((*call, events, events // 3, first, first, 2 ** 29, chain_bits, 92.0, 1e-6, 1e-9,
                                  "int64"))


def summary(rows, plan):
    figures = [("test_accuracy", rows["evaluation"][-1][4], "1"),
               ("integer_mac_share", float(plan.startswith("dfp")), "1"),
               ("overflow_events", float(sum(row[5] for row in rows["telemetry"])), "event")]
    for role in ("weights", "activations", "errors"):
        values = numpy.array([row[14] for row in rows["tensor_statistics"] if row[2] == role])
        if plan != "fp32":
            figures += [(f"worst_sqnr_{role}", values.min(), "dB"), (f"mean_sqnr_{role}", values.mean(), "dB")]
    return figures


def write_record(path, tables):
    sections = read_schema(ROOT / "experiments/SCHEMA.md")
    with h5py.File(path, "w") as file:
        file.attrs["program"] = "precsim"
        file.attrs["model"] = "lenet5"
        file.create_group("provenance")
        for name, cells in tables.items():
            dtype = expected_dtype([[cell.strip("`") for cell in row] for row in sections[f"/{name}"][1]])
            file.create_dataset(name, data=numpy.array([tuple(row) for row in cells], dtype=dtype), maxshape=(None,),
                                chunks=(64,), compression="gzip", track_times=False)


def main():
    words = sys.argv[1:]
    settings = dict(words[i + 1].split("=", 1) for i, word in enumerate(words) if word == "--set")
    plan = settings.get("plan.name", "dfp16")
    if plan == "broken":
        print("precsim: --set plan.name: unknown plan 'broken'; valid are fp32, dfp16.", file=sys.stderr)
        return 2
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    print("train  50% 120/240 steps", file=sys.stderr, flush=True)
    if settings.get("train.epochs") == "1000":
        time.sleep(60)
    rows = make_rows(settings, 100 if plan == "dfp4" else STEPS)
    write_record(words[words.index("--out") + 1], {**rows, "summary": summary(rows, plan)})
    return 3 if plan == "dfp4" else 0


if __name__ == "__main__":
    sys.exit(main())
