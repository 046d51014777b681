"""Inspects the generated code of the native kernels: check_loops.py BUILD_TYPE PROCESSOR OBJECT... | --self-test

Every innermost loop that multiplies (VPDPWSSD, VPDPWSSDS, VPMADDWD with VPADDD, VFMADD) must hold its lanes in
registers: no move from one vector register to another, and no vector register stored or loaded relative to the stack.
Exit code 0: so it is; 1: it is not, or no such loop was found; 77: nothing to inspect here, with the reason.
"""
import re
import subprocess
import sys

MULTIPLIES = re.compile(r"vpdpwssds?|vpmaddwd|vfn?madd\d+ps")
VECTOR = re.compile(r"%[xyz]mm\d+")
STACK = re.compile(r"\(%r[sb]p")
# Loops that emulate a saturating instruction with a dozen others; loops over finished sums.
EXEMPT = ("run_clamped", "Sums::")
SKIPPED = 77


def functions(listing):
    """Pairs of a function's name and its instructions (address, mnemonic, operands)."""
    name, body = None, []
    for line in listing.splitlines():
        header = re.match(r"[0-9a-f]+ <(.+)>:$", line)
        if header:
            if name:
                yield name, body
            name, body = header.group(1), []
            continue
        instruction = re.match(r"\s*([0-9a-f]+):\s+(?:\{\w+\}\s+)?(\S+)\s*(.*)$", line)
        if instruction and name:
            body.append((int(instruction.group(1), 16), instruction.group(2), instruction.group(3)))
    if name:
        yield name, body


def innermost_loops(body):
    """Instructions from the target of a backward jump to the jump, where no other such loop lies inside."""
    places = {address: i for i, (address, _, _) in enumerate(body)}
    spans = []
    for i, (_, mnemonic, operands) in enumerate(body):
        target = re.match(r"([0-9a-f]+)\b", operands)
        if mnemonic.startswith("j") and target:
            begin = places.get(int(target.group(1), 16))
            if begin is not None and begin <= i:
                spans.append((begin, i + 1))
    for begin, end in spans:
        if not any(begin <= b and e <= end and (b, e) != (begin, end) for b, e in spans):
            yield body[begin:end]


def faults(loop):
    for _, mnemonic, operands in loop:
        vectors = VECTOR.findall(operands)
        if mnemonic.startswith("vmov") and "(" not in operands and len(vectors) == 2:
            yield f"{mnemonic} {operands}: a move between registers"
        elif vectors and STACK.search(operands):
            yield f"{mnemonic} {operands}: a vector register on the stack"


def inspect(listing):
    """Returns the number of multiplying functions with such loops, and the faults found."""
    count, found = 0, []
    for name, body in functions(listing):
        if any(part in name for part in EXEMPT):
            continue
        loops = [loop for loop in innermost_loops(body) if any(MULTIPLIES.fullmatch(m) for _, m, _ in loop)]
        count += bool(loops)
        found += [f"{name}: {fault}" for loop in loops for fault in faults(loop)]
        if not loops and "run_l" in name:
            found.append(f"{name}: no loop that multiplies")
    return count, found


GOOD = """
0000000000000000 <run_lanes<7>(Tile const&)>:
   0:\tvmovups (%rdx),%zmm28
   6:\tvpdpwssd %zmm28,%zmm30,%zmm0
   c:\tdec    %rdi
   f:\tjne    0 <run_lanes<7>(Tile const&)>
  11:\tvmovdqa64 %zmm0,%zmm1
  17:\tret
"""


def self_test():
    cases = {
        "a good loop": (GOOD, 1, 0),
        "a move": (GOOD.replace("vmovups (%rdx),%zmm28", "vmovdqa64 %zmm3,%zmm28"), 1, 1),
        "a reload": (GOOD.replace("(%rdx)", "0x40(%rsp)"), 1, 1),
        "a spill": (GOOD.replace("vmovups (%rdx),%zmm28", "vmovups %zmm28,-0x40(%rbp)"), 1, 1),
        "no loop": (GOOD.replace("jne", "nop"), 0, 1),
        "no function": ("", 0, 0),
    }
    for what, (listing, count, faulty) in cases.items():
        result = inspect(listing)
        if (result[0], len(result[1])) != (count, faulty):
            print(f"self-test: {what}: {result}")
            return 1
    print(f"self-test: {len(cases)} listings judged as they should be")
    return 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    build_type, processor, *objects = sys.argv[1:]
    if processor not in ("x86_64", "AMD64"):
        print(f"skipped: no rules for the loops of {processor}")
        return SKIPPED
    if build_type != "Release":
        print(f"skipped: a {build_type} build is not optimized for speed")
        return SKIPPED
    failed = False
    for path in objects:
        listing = subprocess.run(["objdump", "-d", "-C", "--no-show-raw-insn", path], check=True, text=True,
                                 stdout=subprocess.PIPE).stdout
        count, found = inspect(listing)
        print(f"{path}: {count} functions with loops that multiply, {len(found)} faults")
        print("".join(f"  {fault}\n" for fault in found[:20]), end="")
        failed = failed or count == 0 or bool(found)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
