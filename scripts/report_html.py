"""Pieces of a self-contained HTML page: tables that sort, figures as inline SVG, the page around them."""

import html
import math
import re
from dataclasses import dataclass
from pathlib import Path

import plot_style as style

MAGNIFIED = 1.15  # figures beside the page's text

HERE = Path(__file__).resolve().parent

# Colors of figures that follow the page into the dark; report.css defines the variables.
VARIABLES = {style.BLACK: "ink", "#ffffff": "paper", style.GRID: "grid", style.SHADE: "shade", style.GRAY: "muted",
             style.MISSING: "missing", style.BLUE: "blue", style.VERMILION: "vermilion", style.GREEN: "green",
             style.ORANGE: "orange", style.PURPLE: "purple", style.SKY: "sky"}


@dataclass
class Cell:
    """What a field says, and the number that it is sorted by; a text sorts by itself. A head names the row."""

    text: str
    number: float | None = None
    is_head: bool = False

    def html(self) -> str:
        text = breakable(self.text) if self.number is None else escape(self.text)
        if self.is_head:
            return f'<th scope="row">{text}</th>'
        return f"<td{sort_value(self)}{' class=number' if self.number is not None else ''}>{text}</td>"


def escape(text) -> str:
    return html.escape(str(text))


def breakable(text) -> str:
    """A name that may be broken behind slashes, colons and commas."""
    return re.sub(r"([/:,_])", r"\1<wbr>", escape(text))


def number(value: float, digits: int = 2, half_width: float = math.nan, sign: bool = False) -> Cell:
    """A number and, where it is known, the half width of its interval; empty for NaN."""
    if math.isnan(value):
        return Cell("")
    text = "∞" if math.isinf(value) else f"{value:{'+' if sign and value else ''},.{digits}f}".replace(",", "\u202f")
    text += "" if math.isnan(half_width) else f"\u2009±\u2009{half_width:.{digits}f}"
    return Cell(text.replace("-", "−"), value)


def sort_value(cell: Cell) -> str:
    return "" if cell.number is None else f' data-value="{float(cell.number)!r}"'.replace("inf", "Infinity")


def table(name: str, caption: str, heads: list[tuple[str, str]], rows: list[list[Cell]]) -> str:
    """`heads`: title and unit of each column. Columns sort where a script may run."""
    titles = "".join(f'<th scope="col"><span class="title">{escape(title)}</span>'
                     f'{f"<small>{escape(unit)}</small>" if unit else ""}</th>' for title, unit in heads)
    body = "\n".join(f"<tr>{''.join(cell.html() for cell in row)}</tr>" for row in rows)
    return (f'<div class="wide" role="region" tabindex="0" aria-labelledby="{name}-caption">\n'
            f'<table id="{name}" class="sortable">\n<caption id="{name}-caption">{caption}</caption>\n'
            f"<thead><tr>{titles}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>\n")


def inline_svg(text: str, name: str, label: str) -> str:
    """An SVG file as an element of the page: identifiers of its own, colors and fonts of the page, a label."""
    text = text[text.index("<svg"):]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'xlink:href="#([^"]+)"', rf'href="#{name}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
    for color, variable in VARIABLES.items():
        text = re.sub(rf"{color}\b", f"var(--{variable})", text, flags=re.IGNORECASE)
    text = re.sub(r"'DejaVu Sans'[^;\"]*", "'DejaVu Sans', Verdana, sans-serif", text)
    box = re.search('viewBox="([^"]+)"', text)[1]
    width = f"{MAGNIFIED * float(box.split()[2]):.0f}pt"
    look = f"width: {width}; min-width: min(34rem, {width})"
    start = f'<svg viewBox="{box}" role="img" aria-label="{escape(label)}" style="{look}">'
    return re.sub(r"<svg[^>]*>", lambda _: start, text, count=1)


def figure(name: str, drawn, caption: str, label: str) -> str:
    """A Figure of matplotlib; `label` says in words what it shows."""
    svg = inline_svg(style.svg_of(drawn), name, label)
    return (f'<figure id="{name}">\n<div class="wide" role="region" tabindex="0" aria-label="{escape(label)}">{svg}</div>\n'
            f"<figcaption>{caption}</figcaption>\n</figure>\n")


def page(title: str, body: str) -> str:
    look, script = ((HERE / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    return (f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f'<meta name="color-scheme" content="light dark">\n<title>{escape(title)}</title>\n'
            f"<style>\n{look}</style>\n</head>\n<body>\n<main>\n{body}</main>\n<script>\n{script}</script>\n</body>\n</html>\n")
