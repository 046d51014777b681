#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets that read bytes: small files of each format, good and nearly good.

    make_corpus.py          writes tests/fuzz/corpus/TARGET/NAME

Seeds of the targets that read text are written by hand and lie beside these. The formats are encoded here from their
documentation, with nothing of the program."""

import gzip
import io
import struct
import zipfile
import zlib
from pathlib import Path

CORPUS = Path(__file__).resolve().parent / "corpus"

# The record of record_seed.cpp.
SMALL, OTHER = ("00112233445566778899aabbccddeeff", 2), ("ffeeddccbbaa99887766554433221100", 7)
INT64, UINT64, FLOAT64, TEXT = range(4)
TABLES = [("/steps", "One row per step.", [("step", INT64, 1, "step", "the step"), ("loss", FLOAT64, 1, "nat", "the loss"),
                                           ("layer", TEXT, 8, "-", "the layer")]),
          ("/counts", "Some counts.", [("counts", UINT64, 3, "1", "three of them")])]


def put(target: str, name: str, content: bytes):
    path = CORPUS / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def idx(*shape: int, magic: int | None = None, fill: int = 7) -> bytes:
    size = 1
    for extent in shape:
        size *= extent
    header = struct.pack(f">I{len(shape)}I", 0x800 + len(shape) if magic is None else magic, *shape)
    return header + bytes(fill * i % 10 for i in range(min(size, 4000)))


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def idx_seeds():
    labels, small, images = b"\0", b"\1", b"\2"
    put("idx", "labels", labels + idx(5))
    put("idx", "labels_gz", labels + packed(idx(5)))
    put("idx", "small", small + idx(2, 2, 3))
    put("idx", "small_gz", small + packed(idx(2, 2, 3)))
    put("idx", "two_members_gz", small + packed(idx(2, 2, 3)[:9]) + packed(idx(2, 2, 3)[9:]) + b"behind")
    put("idx", "image", images + idx(1, 28, 28))
    put("idx", "image_gz", images + packed(idx(1, 28, 28)))
    put("idx", "huge_count", images + idx(2**32 - 1, 28, 28)[:60])
    put("idx", "huge_count_gz", images + packed(idx(2**32 - 1, 28, 28)[:16] + bytes(100000)))


def mnist_seeds():
    def files(*contents: bytes, sizes: bytes = b"\0\0") -> bytes:
        return sizes + b"".join(struct.pack("<H", len(content)) + content for content in contents[:3]) + contents[3]

    images, labels = idx(2, 28, 28), idx(2)
    put("mnist", "plain", files(images, labels, images, labels))
    put("mnist", "packed", files(packed(images), packed(labels), packed(images), packed(labels)))
    put("mnist", "one_of_two", files(packed(images), labels, packed(images), labels, sizes=b"\1\1"))
    put("mnist", "too_many", files(packed(images), labels, packed(images), labels, sizes=b"\3\3"))
    put("mnist", "bad_label", files(packed(images), idx(2, fill=11), packed(images), idx(2, fill=12)))


def cifar10_seeds():
    def record(label: int) -> bytes:
        return bytes([label]) + bytes(i % 251 for i in range(3072))

    def files(train: bytes, test: bytes, sizes: bytes = b"\0\0") -> bytes:
        return sizes + struct.pack("<H", len(train)) + train + test

    put("cifar10", "whole", files(record(3) + record(9), record(0)))
    put("cifar10", "first_ones", files(record(3), record(0) + record(1), b"\2\1"))
    put("cifar10", "too_many", files(record(3), record(0), b"\7\3"))
    put("cifar10", "bad_label", files(record(10), record(0)))
    put("cifar10", "cut", files(record(3)[:-1], record(0)))


def picture_seeds():
    """The pictures of the tests, and what is nearly one."""
    pictures = CORPUS.parent.parent / "golden/pictures"
    for path in sorted(pictures.iterdir()):
        put("picture", path.name, path.read_bytes())
    png, jpeg = (pictures / "rgb.png").read_bytes(), (pictures / "gray.jpg").read_bytes()
    put("picture", "cut.png", png[:-30])
    put("picture", "cut.jpg", jpeg[:-60])
    put("picture", "huge.png", png[:16] + struct.pack(">II", 100000, 100000) + png[24:])
    frame = jpeg.index(b"\xff\xc0")
    put("picture", "huge.jpg", jpeg[:frame + 5] + b"\xfe" * 4 + jpeg[frame + 9:])


def text(value: str) -> bytes:
    return struct.pack("<I", len(value.encode())) + value.encode()


def attribute(name: str, value) -> bytes:
    if isinstance(value, int):
        return text(name) + b"\1" + struct.pack("<q", value)
    return text(name) + (b"\2" + struct.pack("<d", value) if isinstance(value, float) else b"\3" + text(value))


def start(identity, counts, replaces=None, tables=TABLES, version: int = 1) -> bytes:
    body = b"\1" + struct.pack("<I", version) + text(identity[0]) + struct.pack("<Q", identity[1])
    body += b"\0" if replaces is None else b"\1" + text(replaces[0]) + struct.pack("<Q", replaces[1])
    body += struct.pack("<I", 2) + attribute("program", "precsim") + attribute("seed", 7)
    body += struct.pack("<I", 2) + attribute("host", "here") + attribute("seconds", 1.5)
    body += struct.pack("<I", len(tables))
    for (path, description, columns), count in zip(tables, counts):
        body += text(path) + text(description) + struct.pack("<I", len(columns))
        for name, kind, length, unit, meaning in columns:
            body += text(name) + struct.pack("<BI", kind, length) + text(unit) + text(meaning)
        body += struct.pack("<Q", count)
    return body


def step_row(step: int) -> bytes:
    return b"\2" + struct.pack("<H", 0) + struct.pack("<qd8s", step, 0.5 / (step + 1), b"conv1")


def counts_row() -> bytes:
    return b"\2" + struct.pack("<H", 1) + struct.pack("<3Q", 4, 5, 6)


def journal(*bodies: bytes, first: int = 0) -> bytes:
    entries = b""
    for number, body in enumerate(bodies, first):
        length, guarded = struct.pack("<I", len(body)), struct.pack("<Q", number) + body
        entries += b"PSJ1" + length + struct.pack("<I", zlib.crc32(length + guarded)) + guarded
    return entries


def journal_seeds():
    seeds = {
        "empty": b"",
        "start": journal(start(SMALL, (3, 1))),
        "rows": journal(start(SMALL, (3, 1)), step_row(3), counts_row(), step_row(4)),
        "attributes": journal(start(SMALL, (3, 1)), b"\3\0" + attribute("outcome", "finished"), b"\3\1" + attribute("seconds", 2.5)),
        "flushed_since": journal(start((SMALL[0], 1), (1, 0)), step_row(1), step_row(2), counts_row()),
        "from_nothing": journal(start(SMALL, (0, 0)), step_row(0), counts_row()),
        "replaces": journal(start(SMALL, (0, 0), replaces=OTHER), step_row(0)),
        "of_another": journal(start(OTHER, (3, 1)), step_row(3)),
        "older_file": journal(start((SMALL[0], 5), (3, 1)), step_row(3)),
        "more_rows": journal(start(SMALL, (9, 9)), step_row(9)),
        "other_columns": journal(start(SMALL, (3, 1), tables=[TABLES[1], TABLES[0]]), step_row(3)),
        "long_column": journal(start(SMALL, (0,), tables=[("/t", "", [("x", UINT64, 65536, "1", "")])]), b"\2\0\0" + bytes(8)),
        "huge_counts": journal(start(SMALL, (2**64 - 1, 2**63)), step_row(3)),
        "unknown_version": journal(start(SMALL, (3, 1), version=2)),
        "unknown_kind": journal(start(SMALL, (3, 1)), b"\4"),
        "reserved_attribute": journal(start(SMALL, (3, 1)), b"\3\1" + attribute("record_id", "mine")),
        "nameless_attribute": journal(start(SMALL, (3, 1)), b"\3\0" + attribute("", 1)),
        "long_attribute": journal(start(SMALL, (3, 1)), b"\3\0" + attribute("x" * 256, 1)),
        "attribute_with_nul": journal(start(SMALL, (3, 1)), b"\3\0" + attribute("note", "a\0b")),
        "repeated_attribute": journal(start(SMALL, (3, 1)), b"\3\0" + attribute("seed", "text"), b"\3\0" + attribute("seed", 8)),
        "torn": journal(start(SMALL, (3, 1)), step_row(3), step_row(4))[:-5],
        "torn_to_zeros": journal(start(SMALL, (3, 1)), step_row(3)) + bytes(40),
        "hole": journal(start(SMALL, (3, 1))) + journal(step_row(3), first=2),
        "damaged": journal(start(SMALL, (3, 1))) + b"PSJ1" + bytes(44) + journal(step_row(3), first=1),
        "zeros": bytes(64),
        "no_journal": b"a thesis",
    }
    for name, content in seeds.items():
        put("journal", name, content)
        for record, prefix in (("absent", b"\0"), ("small", b"\1"), ("other", b"\2")):
            if record == "small" or name in ("rows", "from_nothing", "replaces"):
                put("recovery", f"{name}_{record}", prefix + content)


def seal_seeds():
    put("seal", "whole", b"\0")
    put("seal", "first_byte", b"\0" + struct.pack("<IB", 0, 1))
    put("seal", "superblock", b"\0" + b"".join(struct.pack("<IB", at, 0xFF) for at in (24, 32, 40, 48)))
    put("seal", "two_bytes", b"\0" + struct.pack("<IBIB", 100, 1, 2000, 0x80))
    put("seal", "any_bytes", b"\1" + b"\x89HDF\r\n\x1a\n" + bytes(40))
    put("seal", "nothing", b"\1")


def schedule_seeds():
    def rates(name: int, warmup: float, gamma: float, final: float, epochs: list[float], per_epoch: int, more: int) -> bytes:
        return (struct.pack("<Bddd", name, warmup, gamma, final) + bytes([len(epochs)]) +
                struct.pack(f"<{len(epochs)}d", *epochs) + struct.pack("<IH", per_epoch, more))

    def scale(mode: int, initial: float, growth: float, backoff: float, interval: int, least: float, steps: bytes) -> bytes:
        return struct.pack("<BdddQd", mode, initial, growth, backoff, interval, least) + steps

    dynamic = scale(2, 65536.0, 2.0, 0.5, 3, 1.0, bytes(range(60)))
    put("schedule", "constant", rates(0, 0.0, 0.1, 0.0, [], 10, 4) + scale(0, 1.0, 2.0, 0.5, 9, 1.0, b""))
    put("schedule", "step", rates(1, 1.0, 0.1, 0.0, [2.0, 4.0], 10, 9) + dynamic)
    put("schedule", "cosine", rates(2, 0.5, 0.1, 0.001, [], 100, 9) + dynamic)
    put("schedule", "huge", rates(1, 1e308, 1e308, 1e308, [1e300, 1e308], 2**32 - 1, 65535) + scale(2, 1e38, 1e308, 1e-308, 1, 5e-324, bytes(99)))
    put("schedule", "not_numbers", rates(1, float("nan"), float("inf"), 0.0, [float("nan")], 1, 1) + dynamic)


def compare_seeds():
    def twice(program: bytes, other: bytes = b"") -> bytes:
        return struct.pack("<H", len(program)) + program + other

    def piece(content: bytes) -> bytes:
        return struct.pack("<H", len(content)) + content

    # operation, parent, name; then layout, type (and its bits), shape, values
    numbers = bytes([7, 0, 0, 1 | 8, 24, 0, 3, 2]) + piece(bytes(range(16)))
    changed = bytes([7, 0, 0, 1 | 8, 24, 0, 3, 2]) + piece(bytes(range(15)) + b"\xff")
    rows = bytes([8, 0, 1, 0, 22, 1, 2, 36, 0, 3, 4]) + piece(bytes(range(60)))
    group = bytes([0, 0, 0, 0, 1, 1, 0, 0, 2])
    words = bytes([5, 0, 1, 0]) + piece(b"a text\nof two lines")
    links = bytes([1, 0, 3, 2, 0, 4, 3, 0, 5, 0])
    put("compare", "numbers", twice(numbers))
    put("compare", "numbers_differ", twice(numbers, changed))
    put("compare", "rows", twice(rows + words))
    put("compare", "groups", twice(group + numbers + words + links))
    put("compare", "groups_differ", twice(group + links, group + words))
    put("compare", "types", twice(b"".join(bytes([4, 0, i % 6, i * 12 + i, 0, 0, 0, 0]) for i in range(12))))
    put("compare", "attributes", twice(b"".join(bytes([6, 0, 0, 2 * i, i, 0]) + piece(bytes(20)) for i in range(8))))


def checkpoint_seeds():
    put("checkpoint", "whole", b"\0")
    put("checkpoint", "two_bytes", b"\0" + struct.pack("<IBIB", 100, 1, 2000, 0x80))
    put("checkpoint", "any_bytes", b"\1" + b"\x89HDF\r\n\x1a\n" + bytes(40))
    put("checkpoint", "empty_file", b"\2")
    put("checkpoint", "another_file", b"\2" + bytes([0, 0, 0, 7, 1, 1, 1, 1, 0, 2, 2, 2]))
    put("checkpoint", "unchanged", b"\3")
    # operation, parent (of base().objects, after "/"), name (of its names, after six usual ones)
    for name, program in {"without_totals": [10, 0, 9], "without_weight": [10, 2, 7], "without_step": [11, 0, 0, 11],
                          "text_for_a_step": [11, 0, 0, 11, 5, 0, 0, 11, 1, 0, 1, 0, 65], "extra_group": [0, 1, 0],
                          "extra_tensor": [7, 2, 0, 4, 1, 1, 2, 2, 2], "double_tensor": [7, 2, 0, 4, 13, 2, 3],
                          "linked_tensor": [3, 2, 0, 3], "cycle": [3, 1, 0, 1], "row_counts": [5, 7, 0, 15, 0, 36, 0, 0]}.items():
        put("checkpoint", name, b"\3" + bytes(program))


def npy(descr: str, shape: str, data: bytes, fortran: bool = False, version: int = 1) -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(header)) + header + data


def npy_seeds():
    put("npy", "float32", npy("'<f4'", "(2, 3)", struct.pack("<6f", *range(6))))
    put("npy", "float64_fortran", npy("'>f8'", "(2, 3, 2)", struct.pack(">12d", *range(12)), fortran=True))
    put("npy", "float16_version_2", npy("'<f2'", "(4,)", bytes(8), version=2))
    put("npy", "bfloat16_scalar", npy("'<V2'", "()", bytes(2), version=3))
    put("npy", "structure", npy("[('x', '<f4'), ('y', '<i4', (2,))]", "(1,)", bytes(12)))
    put("npy", "integers", npy("'|i1'", "(3L,)", bytes(3)))
    put("npy", "pickled", npy("'|O'", "(1,)", b"\x80\x04N."))
    put("npy", "huge", npy("'<f4'", "(4294967296, 4294967296)", b""))
    put("npy", "nothing", npy("'<f4'", "(0, 9223372036854775807)", b""))


def npz_seeds():
    def archive(method: int, **arrays: bytes) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", method) as file:
            for name, content in arrays.items():
                with file.open(zipfile.ZipInfo(name + ".npy"), "w", force_zip64=len(arrays) > 1) as member:
                    member.write(content)
        return stream.getvalue()

    array = npy("'<f4'", "(100,)", bytes(400))
    put("npz", "stored", archive(zipfile.ZIP_STORED, a=array))
    put("npz", "stored_zip64", archive(zipfile.ZIP_STORED, a=array, b=npy("'<f8'", "(1,)", bytes(8))))
    put("npz", "deflated", archive(zipfile.ZIP_DEFLATED, a=array, f=npy("'<f2'", "(30, 20)", bytes(1200), fortran=True)))
    put("npz", "pickled", archive(zipfile.ZIP_STORED, a=npy("'|O'", "(1,)", b"\x80\x04N.")))
    put("npz", "empty", archive(zipfile.ZIP_STORED))


def safetensors_seeds():
    def file(header: str, data: int) -> bytes:
        return struct.pack("<Q", len(header)) + header.encode() + bytes(range(data))

    def tensor(name: str, dtype: str, shape: str, first: int, end: int) -> str:
        return f'"{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{first},{end}]}}'

    a, b = tensor("a", "F32", "[2,1]", 0, 8), tensor("b.weight", "BF16", "[]", 8, 10)
    put("safetensors", "two", file("{" + a + "," + b + "}  ", 10))
    put("safetensors", "metadata", file('{"__metadata__":{"format":"pt"},' + a + "}", 8))
    put("safetensors", "small_floats", file("{" + tensor("x", "F8_E4M3", "[3]", 0, 3) + "," +
                                            tensor("y", "F8_E5M2", "[0,7]", 3, 3) + "}", 3))
    put("safetensors", "integers", file("{" + tensor("x", "I64", "[1]", 0, 8) + "}", 8))
    put("safetensors", "unknown_type", file("{" + tensor("x", "F4", "[4]", 0, 2) + "}", 2))
    put("safetensors", "overlap", file("{" + a + "," + tensor("c", "F16", "[1]", 6, 8) + "}", 8))
    put("safetensors", "hole", file("{" + a + "," + tensor("c", "F16", "[1]", 10, 12) + "}", 12))


if __name__ == "__main__":
    idx_seeds()
    mnist_seeds()
    cifar10_seeds()
    picture_seeds()
    journal_seeds()
    seal_seeds()
    schedule_seeds()
    compare_seeds()
    npy_seeds()
    npz_seeds()
    safetensors_seeds()
    checkpoint_seeds()
