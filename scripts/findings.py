"""What the intervals of a study say, in sentences: for a page or for a terminal."""

from dataclasses import dataclass
from typing import Callable

import study_figures
from precsim_results import Study
from report_html import breakable, escape, number

MOST_NAMES = 8  # in a sentence
MOST_GAPS = 16  # in a sentence of gaps without intervals


@dataclass
class Words:
    """How names, texts and what is bad are spelled."""

    name: Callable[[str], str]
    strong: Callable[[str], str]
    text: Callable[[str], str]
    bad: Callable[[str], str]


HTML = Words(breakable, lambda name: f"<b>{breakable(name)}</b>", escape, lambda text: f"<span class=bad>{text}</span>")
PLAIN = Words(*(str for _ in range(4)))


def rows_of(points):
    """Name and row of each point; counts stay integers whatever the other columns are."""
    return points.astype(object).iterrows()


def names_of(points, form, most: int = MOST_NAMES) -> str:
    names = [form(name, point) for name, point in rows_of(points.head(most))]
    more = len(points) - len(names)
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")


def findings(study: Study, points, words: Words) -> list[str]:
    """Sentences: the reference, who differs from it, who cannot be told apart, what did not finish."""
    items = []
    if study_figures.has_reference(study):
        items += compared(study, points, words)
    else:
        items.append("The study has no reference to compare its points with.")
    for outcome, what in (("diverged", "Diverged"), ("failed", "Failed"), ("waiting", "Not ended yet")):
        some = points[points[outcome] > 0]
        if len(some):
            listed = names_of(some, lambda name, point: f"{words.name(name)} ({point[outcome]} of {point.runs})")
            items.append(f"{words.bad(what)}: {listed}.")
    return items


def compared(study: Study, points, words: Words) -> list[str]:
    def gap(name: str, point) -> str:
        return f"{words.strong(name)} ({words.text(number(point.gap_mean, 2, point.gap_half_width, sign=True).text)})"

    reference = points.astype(object).loc[study.reference]
    accuracy = number(reference.accuracy_mean, 2, reference.accuracy_half_width).text
    reached = f"{words.text(accuracy)} % test accuracy" if accuracy else "no accuracy"
    items = [f"Reference {words.strong(study.reference)}: {reached} ({reference.finished} of {reference.runs} runs "
             f"finished)."]
    others = points[(points.index != study.reference) & points["gap_half_width"].notna()]
    below = others[others.gap_mean + others.gap_half_width < 0]
    above = others[others.gap_mean - others.gap_half_width > 0]
    for some, word in ((below.sort_values("gap_mean"), "Less"), (above.sort_values("gap_mean")[::-1], "More")):
        if len(some):
            items.append(f"{word} accurate than the reference, with 95 % confidence: {names_of(some, gap)} "
                         f"percentage points.")
    rest = others.drop(below.index).drop(above.index)
    if len(rest):
        told = names_of(rest, gap) if len(rest) <= MOST_NAMES else f"{len(rest)} points"
        items.append(f"Not told apart from it by these seeds: {told}.")
    if len(others) >= 10:
        items.append(f"Of {len(others)} such intervals about one in twenty misses the truth by chance.")
    single = points[(points["gap_runs"] == 1) & (points.index != study.reference)].sort_values("gap_mean")
    if len(single):
        items.append(f"One seed in common with the reference, which gives a gap and no interval: "
                     f"{names_of(single, gap, MOST_GAPS)} percentage points{chance(study, points)}.")
    return items


def chance(study: Study, points) -> str:
    """How far chance in the choice of test images goes, for gaps that have nothing else to be judged by."""
    error, images = study_figures.standard_error(study, points)
    return f"; the standard error of {images} test images is {number(error, 2).text}" if images else ""
