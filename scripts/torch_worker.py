#!/usr/bin/python3
"""Trains a network with PyTorch on request, as `precsim bench train --worker` does with precsim: see compare_pytorch.

    torch_worker.py --model M --batch B --precision fp32|bf16 --threads N

Says a line of JSON when it is ready, and answers "go N" on standard input with one about N training steps. Arrays lie
channels last; bf16 is autocast."""

import argparse
import json
import resource
import sys
import time

import torch
from torch.nn import functional
from torch_networks import NETWORKS, build

WARM_UP_STEPS = 3
AUXILIARY_WEIGHT = 0.3


def make_step(arguments: argparse.Namespace):
    """The model's number of parameters, and a function that does one step."""
    network = NETWORKS[arguments.model]
    model = build(arguments.model).train().to(memory_format=torch.channels_last)
    images = torch.randn(arguments.batch, *network.image).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(arguments.batch) % network.classes
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0001, momentum=0.9, weight_decay=0.0005)

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=arguments.precision == "bf16"):
            outputs = model(images)
        main, *auxiliaries = outputs if isinstance(outputs, tuple) else (outputs,)
        loss = functional.cross_entropy(main.float(), labels)
        for output in auxiliaries:
            loss = loss + AUXILIARY_WEIGHT * functional.cross_entropy(output.float(), labels)
        loss.backward()
        optimizer.step()

    return network.parameters, step


def peak_bytes() -> float | None:
    """Of resident memory since the program began."""
    with open("/proc/self/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    return None


def page_faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def measure(step, steps: int) -> dict:
    faults, wall, processor = page_faults(), time.perf_counter(), time.process_time()
    for _ in range(steps):
        step()
    return {"steps": steps, "wall_seconds": time.perf_counter() - wall,
            "processor_seconds": time.process_time() - processor, "page_faults": page_faults() - faults,
            "peak_bytes": peak_bytes()}


def say(message: dict):
    print(json.dumps(message), flush=True)


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--model", choices=NETWORKS, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--precision", choices=["fp32", "bf16"], required=True)
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    parameters, step = make_step(arguments)
    for _ in range(WARM_UP_STEPS - 1):
        step()
    say({"parameters": parameters, "step_seconds": measure(step, 1)["wall_seconds"]})
    for line in sys.stdin:
        word, _, number = line.partition(" ")
        if word != "go":
            sys.exit(f"a request is 'go N', not {line!r}")
        say(measure(step, int(number)))


if __name__ == "__main__":
    main()
