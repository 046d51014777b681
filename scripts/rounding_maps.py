"""What roundings do to tensors: maps of tensors by roundings, a panel for each format."""

from dataclasses import dataclass

import numpy
import pandas
from matplotlib.colors import Normalize

import plot_style as style
from plot_style import plt

WIDEST = 11.0  # inches of panels side by side
CHANCE = 2.0  # standard deviations of a mean of independent errors, within which a bias may be chance


@dataclass
class Field:
    """A number of one tensor and rounding, its text, and whether it is drawn in gray."""

    value: float
    text: str
    faint: bool = False


def base_rounding(rows: pandas.DataFrame) -> str:
    """The rounding that others are compared with."""
    names = list(rows["rounding"])
    return "nearest_even" if "nearest_even" in names else names[0]


def rounding_figures(rows: pandas.DataFrame, tensors: pandas.DataFrame) -> dict[str, plt.Figure]:
    """By name the figures; none where no format has several roundings."""
    formats = {name: of_format for name, of_format in rows.groupby("format", sort=False)
               if of_format["rounding"].nunique() > 1}
    if not formats:
        return {}
    tensors = tensors.assign(elements=tensors["count"])
    ratios = draw(formats, tensors, ratio_fields, "PuOr", Normalize(-8, 8))
    base = base_rounding(pandas.concat(formats.values()))
    style.title(ratios, f"SQNR against {base}, difference in dB; under {base} in gray SQNR itself")
    bias = draw(formats, tensors, bias_fields, "RdBu_r", Normalize(-1, 1))
    style.title(bias, "Bias: mean error / RMS error; 0: none, ±1: every error alike. In gray what chance explains: "
                      f"within {CHANCE:g} / √elements")
    return {"roundings": ratios, "bias": bias}


def ratio_fields(of_tensor: pandas.DataFrame, base: str, elements: int) -> dict[str, Field]:
    """Differences of SQNR; of the base the SQNR itself."""
    ratios = of_tensor.set_index("rounding")["sqnr_db"]
    zero = ratios.get(base, numpy.nan)
    fields = {}
    for rounding, ratio in ratios.items():
        if rounding == base or numpy.isnan(ratio):
            fields[rounding] = Field(numpy.nan, "–" if numpy.isnan(ratio) else f"{ratio:.0f}".replace("inf", "∞"), True)
        elif not numpy.isfinite([ratio, zero]).all():
            fields[rounding] = Field(numpy.nan, "0.0" if ratio == zero else "∞" if ratio > zero else "−∞", True)
        else:
            fields[rounding] = Field(ratio - zero, signed(ratio - zero, 1))
    return fields


def bias_fields(of_tensor: pandas.DataFrame, base: str, elements: int) -> dict[str, Field]:
    """Biases; none where there is no error."""
    fields = {}
    for row in of_tensor.itertuples():
        if not row.mean_squared_error > 0:
            fields[row.rounding] = Field(numpy.nan, "–", True)
            continue
        bias = row.mean_error / numpy.sqrt(row.mean_squared_error)
        by_chance = abs(bias) * numpy.sqrt(max(1, elements)) <= CHANCE
        fields[row.rounding] = Field(numpy.nan if by_chance else bias, signed(bias, 2), by_chance)
    return fields


def signed(value: float, digits: int) -> str:
    """Without a sign where it rounds to zero."""
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text


def draw(formats: dict[str, pandas.DataFrame], tensors: pandas.DataFrame, fields_of, colors: str, norm) -> plt.Figure:
    roundings = list(dict.fromkeys(name for rows in formats.values() for name in rows["rounding"]))
    names = list(tensors["name"])
    width = max(1.8, 0.4 * len(roundings) + 0.1)
    lines = -(-len(formats) // max(1, int(WIDEST / width)))
    across = -(-len(formats) // lines)
    below, beside = max(map(len, roundings)), max(map(len, names))
    size = (0.3 + 0.068 * beside + across * width, 0.5 + lines * (0.2 * len(names) + 0.35 + 0.055 * below))
    figure, grid = plt.subplots(lines, across, figsize=size, squeeze=False, sharey=True)
    for panel in grid.flat[len(formats):]:
        panel.remove()
    for panel, (name, rows) in zip(grid.flat, formats.items()):
        base = base_rounding(rows)
        values, texts = numpy.full((len(names), len(roundings)), numpy.nan), {}
        for y, tensor in enumerate(tensors.itertuples()):
            of_tensor = rows[rows["tensor"] == tensor.tensor]
            for rounding, field in fields_of(of_tensor, base, tensor.elements).items():
                x = roundings.index(rounding)
                values[y, x] = field.value
                texts[y, x] = field.text, style.GRAY if field.faint else None
        style.draw_fields(panel, values, texts, colors, norm, (names, roundings))
        panel.set_title(name)
    return figure
