"""Small faults in C++ text: a tokenizer, the rules that plant a fault, and the list of all mutants of a tree.

The tokenizer knows just enough C++ for text that clang-format laid out: a binary operator has blanks on both sides, the
bracket of a template or the sign of a number has not. A rule yields edits; what does not compile is found by compiling.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDERS = ("formats", "sim/arith")

TOKEN = re.compile(r"""
    (?P<skip>//[^\n]*|/\*.*?\*/|(?m:^)[ \t]*\#(?:[^\n\\]|\\.)*(?=\n))
  | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
  | (?P<number>0x[\da-fA-F.]+(?:p[+-]?\d+)?[uUlLf]*|\d+(?:\.\d*)?(?:e[+-]?\d+)?[uUlLf]*)
  | (?P<name>[A-Za-z_]\w*)
  | (?P<sign><<=|>>=|<=>|<<|>>|<=|>=|==|!=|&&|\|\||\+\+|--|->|::|[-+*/%&|^]=|\S)
  | \s
""", re.VERBOSE | re.DOTALL)
OPEN, CLOSE = "([{", ")]}"
SPACE = " \n\t"

SHIFTS = ("<<", ">>")
COMPARISONS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
ARITHMETIC = {"+": "-", "-": "+", "*": "/", "/": "*", "%": "/", "+=": "-=", "-=": "+=", "*=": "/="}
BITWISE = {"&": "|", "|": "&", "^": "&"}
LOGICAL = {"&&": "||", "||": "&&"}
NAMES = {"true": "false", "false": "true", "min": "max", "max": "min", "floor": "ceil"}
TWINS = (("a", "b"), ("x", "y"), ("block_a", "block_b"), ("squares_a", "squares_b"), ("first", "second"),
         ("high", "low"), ("kept", "rest"), ("begin", "end"))
# Names after which an operator is unary, and an opening parenthesis is not that of a call.
KEYWORDS = {"if", "for", "while", "switch", "return", "case", "throw", "catch", "sizeof", "decltype", "noexcept",
            "static_assert", "do", "else", "constexpr", "template", "operator", "new", "delete", "using"}
SYMMETRIC = {"min", "max", "fma", "fmaf", "two_sum", "add", "multiply", "product", "edit_distance",
             "format"}  # calls whose first arguments may trade places, or are text
NO_STATEMENT = KEYWORDS | {"class", "struct", "enum", "namespace", "public", "private", "friend", "const", "static",
                           "virtual", "explicit", "inline", "auto", "default", "goto"}


@dataclass(frozen=True)
class Token:
    kind: str  # name, number, string, sign
    text: str
    start: int
    end: int
    spaced: bool  # with blanks on both sides, as clang-format writes a binary operator


@dataclass(frozen=True)
class Edit:
    """The text from `start` to `end` becomes `text`."""

    rule: str
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Mutant:
    """One fault: `text` is what the whole file becomes; `before` and `after` are the lines that change, for people."""

    file: str
    line: int
    rule: str
    n: int
    before: str
    after: str
    text: str
    same: int  # 1 for the first fault of the file that reads like this, 2 for the next

    @property
    def id(self) -> str:
        return f"{self.file}:{self.line}:{self.rule}:{self.n}"

    @property
    def key(self) -> tuple:
        """What a written reason refers to; it does not move with the line number."""
        return self.file, self.rule if self.same == 1 else f"{self.rule}#{self.same}", self.before, self.after

    @property
    def digest(self) -> str:
        return hashlib.sha256(f"{self.file}\0{self.text}".encode()).hexdigest()[:16]


class Source:
    """A file as tokens; comments, strings, preprocessor lines, static_assert and template heads plant nothing."""

    def __init__(self, text: str, enumerations: dict[str, list[str]]):
        self.text = text
        self.enumerations = enumerations
        self.tokens = list(tokenize(text))
        self.partner = match_brackets(self.tokens)
        self.frozen = self._frozen()

    def _frozen(self) -> set[int]:
        frozen = {i for i, token in enumerate(self.tokens) if token.kind == "string"}
        for i, token in enumerate(self.tokens):
            if token.text == "static_assert" and i + 1 in self.partner:
                frozen.update(range(i, self.partner[i + 1] + 1))
            if token.text == "template":
                frozen.update(range(i, self._end_of_angle(i + 1) + 1))
        return frozen

    def _end_of_angle(self, i: int) -> int:
        depth = 0
        while i < len(self.tokens):
            depth += {"<": 1, ">": -1, ">>": -2}.get(self.tokens[i].text, 0)
            if depth <= 0:
                break
            i += 1
        return i

    def is_text(self, i: int, *texts: str) -> bool:
        return 0 <= i < len(self.tokens) and self.tokens[i].text in texts

    def between(self, first: int, last: int) -> str:
        """The text of tokens first..last."""
        return self.text[self.tokens[first].start : self.tokens[last].end]

    def is_operand_end(self, i: int) -> bool:
        """Whether token i ends an operand, so that an operator behind it is binary."""
        token = self.tokens[i]
        return token.text in (")", "]", "}") or (token.kind != "sign" and token.text not in KEYWORDS)

    def edits(self) -> Iterator[Edit]:
        for i, token in enumerate(self.tokens):
            if i not in self.frozen:
                for rule in (operators, constants, names, twins, signs, conditions, choices, statements, arguments):
                    yield from rule(self, i, token)


def tokenize(text: str) -> Iterator[Token]:
    for match in TOKEN.finditer(text):
        if match.lastgroup not in (None, "skip"):
            start, end = match.span()
            spaced = text[start - 1 : start] in SPACE and text[end : end + 1] in SPACE
            yield Token(match.lastgroup, match.group(), start, end, spaced)


def match_brackets(tokens: list[Token]) -> dict[int, int]:
    """The index of the closing bracket for that of each opening one."""
    partner, stack = {}, []
    for i, token in enumerate(tokens):
        if token.kind == "sign" and token.text in OPEN:
            stack.append(i)
        elif token.kind == "sign" and token.text in CLOSE and stack:
            partner[stack.pop()] = i
    return partner


def operators(source: Source, i: int, token: Token) -> Iterator[Edit]:
    if not token.spaced or i == 0 or not source.is_operand_end(i - 1):
        return
    if token.text in SHIFTS:
        yield Edit("shift", token.end, token.end, " 1 +")
    for rule, table in (("comparison", COMPARISONS), ("arithmetic", ARITHMETIC), ("bitwise", BITWISE),
                        ("logical", LOGICAL)):
        if token.text in table:
            yield Edit(rule, token.start, token.end, table[token.text])


def constants(source: Source, i: int, token: Token) -> Iterator[Edit]:
    if token.kind != "number":
        return
    body = token.text.rstrip("uUlL")
    suffix = token.text[len(body) :]
    if re.fullmatch(r"\d+", body):
        text = str(int(body) + 1)
    elif re.fullmatch(r"0x[\da-fA-F]+", body):
        text = f"0x{int(body, 16) + 1:0{len(body) - 2}x}"
    elif "p" in body:  # the last digit of the fraction
        digit = body.index("p") - 1
        text = body[:digit] + f"{int(body[digit], 16) ^ 1:x}" + body[digit + 1 :]
    elif source.is_text(i + 1, "/"):  # 1.0 / 720: the denominator is a constant of its own
        return
    else:
        text = re.sub(r"^\d+", lambda whole: str(int(whole.group()) + 1), body)
    yield Edit("constant", token.start, token.end, text + suffix)


def names(source: Source, i: int, token: Token) -> Iterator[Edit]:
    """true and false, min and max, and enumerators: the next one of the enumeration."""
    if token.kind != "name":
        return
    if token.text in ("true", "false") or (token.text in NAMES and source.is_text(i - 1, "::") and
                                           source.is_text(i - 2, "std")):
        yield Edit("name", token.start, token.end, NAMES[token.text])
    enumerators = source.enumerations.get(token.text, [])
    if source.is_text(i + 1, "::") and not is_label(source, i) and source.is_text(i + 2, *enumerators):
        chosen = source.tokens[i + 2]
        neighbor = enumerators[(enumerators.index(chosen.text) + 1) % len(enumerators)]
        yield Edit("enumerator", chosen.start, chosen.end, neighbor)


def is_label(source: Source, i: int) -> bool:
    while i > 0 and (source.is_text(i - 1, "::") or source.tokens[i - 1].kind == "name"):
        i -= 1
        if source.is_text(i, "case"):
            return True
    return False


def twins(source: Source, i: int, token: Token) -> Iterator[Edit]:
    """The wrong one of a pair, where the line has both."""
    before = source.tokens[i - 1] if i > 0 else None
    if token.kind != "name" or before is None or source.is_text(i + 1, "("):
        return
    declared = (before.kind == "name" and before.text not in KEYWORDS) or (
        before.text in ("&", "*", ">", ">>") and not before.spaced)
    for pair in TWINS:
        if token.text in pair and not declared:
            twin = pair[1 - pair.index(token.text)]
            if re.search(rf"\b{twin}\b", lines_of(source.text, token.start, token.end)):
                yield Edit("twin", token.start, token.end, twin)


def signs(source: Source, i: int, token: Token) -> Iterator[Edit]:
    """A forgotten minus or negation."""
    unary = i > 0 and not token.spaced and not source.is_operand_end(i - 1)
    if unary and token.text in ("-", "!", "~") and token.kind == "sign":
        yield Edit("sign", token.start, token.end, "")


def conditions(source: Source, i: int, token: Token) -> Iterator[Edit]:
    if token.text not in ("if", "while") or not source.is_text(i + 1, "("):
        return
    signs = [source.tokens[j].text for j in top_level(source, i + 1) if source.tokens[j].spaced]
    if signs not in (["=="], ["!="]):  # the comparison's own mutant is this one
        yield Edit("condition", source.tokens[i + 1].start, source.tokens[source.partner[i + 1]].end,
                   f"(!{source.between(i + 1, source.partner[i + 1])})")


def choices(source: Source, i: int, token: Token) -> Iterator[Edit]:
    """c ? a : b becomes c ? b : a."""
    if token.text != "?":
        return
    colon = end = None
    j, nested = i + 1, 0
    while j < len(source.tokens):
        text = source.tokens[j].text
        if text == "?":
            nested += 1
        elif text == ":" and nested == 0 and colon is None:
            colon = j
        elif text == ":" and nested > 0:
            nested -= 1
        elif text in (";", ",") + tuple(CLOSE) or (text == ":" and colon is not None):
            end = j - 1
            break
        j = source.partner.get(j, j) + 1
    if colon is not None and end is not None:
        yield Edit("choice", source.tokens[i + 1].start, source.tokens[end].end,
                   f"{source.between(colon + 1, end)} : {source.between(i + 1, colon - 1)}")


def statements(source: Source, i: int, token: Token) -> Iterator[Edit]:
    """An assignment, an increment, a call, a throw, a continue or a break that is not there."""
    if not source.is_text(i - 1, ";", "{", "}", ")", "else") or token.text in NO_STATEMENT - {"throw"}:
        return
    end = i
    while end < len(source.tokens) and not source.is_text(end, ";"):
        if source.tokens[end].kind == "sign" and source.tokens[end].text in CLOSE:
            return
        end = source.partner.get(end, end) + 1
    if end < len(source.tokens) and acts(source, i, end):
        yield Edit("statement", token.start, source.tokens[end].end, ";")


def acts(source: Source, i: int, end: int) -> bool:
    """Whether the tokens up to the semicolon at `end` are a statement that does something, not a declaration."""
    if source.is_text(i, "throw", "continue", "break", "++", "--", "*"):
        return True
    j = i
    while j < end and (source.tokens[j].kind == "name" or source.is_text(j, "::", ".", "->", "(", "[")):
        if source.tokens[j].kind == "name" and j + 1 < end and source.tokens[j + 1].kind == "name":
            return False
        j = source.partner.get(j, j) + 1
    return j > i and (j == end and source.is_text(end - 1, ")") or
                      source.is_text(j, "=", "+=", "-=", "*=", "/=", "|=", "&=", "^=", "<<=", ">>=", "++", "--"))


def arguments(source: Source, i: int, token: Token) -> Iterator[Edit]:
    """The first two arguments of a call swapped."""
    before = source.tokens[i - 1] if i > 0 else token
    if token.text != "(" or before.kind != "name" or before.text in KEYWORDS | SYMMETRIC:
        return
    commas = [j for j in top_level(source, i) if source.is_text(j, ",")]
    if not commas:
        return
    second_end = (commas[1] if len(commas) > 1 else source.partner[i]) - 1
    pieces = (i + 1, commas[0] - 1), (commas[0] + 1, second_end)
    if any(last < first or not is_plain(source, first, last) for first, last in pieces):
        return
    left, right = (source.between(*piece) for piece in pieces)
    if left != right:
        gap = source.text[source.tokens[commas[0]].start : source.tokens[commas[0] + 1].start]
        yield Edit("argument", source.tokens[i + 1].start, source.tokens[second_end].end, right + gap + left)


def top_level(source: Source, opening: int) -> Iterator[int]:
    j = opening + 1
    while j < source.partner[opening]:
        yield j
        j = source.partner.get(j, j) + 1


def is_plain(source: Source, first: int, last: int) -> bool:
    """An argument without text in it that is no parameter of a declaration."""
    for j in range(first, last + 1):
        token = source.tokens[j]
        if token.kind == "string" or token.text in ("const", "&", "*") and not token.spaced:
            return False
        if token.kind == "name" and j < last and source.tokens[j + 1].kind == "name" and token.text not in KEYWORDS:
            return False
    return True


def find_enumerations(texts: list[str]) -> dict[str, list[str]]:
    found = {}
    for text in texts:
        tokens = list(tokenize(text))
        for i in range(len(tokens) - 2):
            if tokens[i].text == "enum" and tokens[i + 1].text == "class":
                start = next(j for j in range(i, len(tokens)) if tokens[j].text in "{;")
                end = next(j for j in range(start, len(tokens)) if tokens[j].text in "};")
                found[tokens[i + 2].text] = [tokens[j].text for j in range(start + 1, end)
                                             if tokens[j].kind == "name" and tokens[j - 1].text in "{,"]
    return found


def lines_of(text: str, start: int, end: int) -> str:
    """The lines that touch text[start:end], in one line."""
    first, last = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    return " ".join(text[first : last if last >= 0 else len(text)].split())


def mutants_of(file: str, text: str, enumerations: dict[str, list[str]]) -> list[Mutant]:
    mutants, counts, seen = [], Counter(), {text}
    for edit in sorted(Source(text, enumerations).edits(), key=lambda edit: (edit.start, edit.rule)):
        lost_lines = text.count("\n", edit.start, edit.end) - edit.text.count("\n")
        mutated = text[: edit.start] + edit.text + "\n" * lost_lines + text[edit.end :]
        if mutated in seen:
            continue
        seen.add(mutated)
        line = text.count("\n", 0, edit.start) + 1
        before = lines_of(text, edit.start, edit.end)
        after = lines_of(mutated, edit.start, edit.start + len(edit.text))
        counts.update([(line, edit.rule), (edit.rule, before, after)])
        mutants.append(Mutant(file, line, edit.rule, counts[line, edit.rule], before, after, mutated,
                              counts[edit.rule, before, after]))
    return mutants


def all_mutants(root: Path) -> list[Mutant]:
    """Every mutant of the tree, in a fixed order."""
    files = sorted(path for folder in FOLDERS for path in (root / folder).iterdir()
                   if path.suffix in (".cpp", ".hpp"))
    texts = {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in files}
    enumerations = find_enumerations(list(texts.values()))
    return [mutant for file, text in texts.items() for mutant in mutants_of(file, text, enumerations)]
