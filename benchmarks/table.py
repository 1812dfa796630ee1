"""One readable table. Figures and ratios; what they mean is for the reader."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_GAP = "  "
NOT_INSTALLED = "not installed"


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was measured.

    Attributes:
        what: Its name.
        value: The median, or None where it could not be measured.
        unit: Of `value`.
        ratio: To the limit of its section; None where there is none.
        target: What DESIGN section 12 asks for, in words.
        instead: Shown in place of the value where there is none.
    """

    what: str
    value: float | None
    unit: str = ""
    ratio: float | None = None
    target: str = ""
    instead: str = NOT_INSTALLED

    def cells(self) -> tuple[str, str, str, str]:
        """Return what stands in the columns."""
        shown = self.instead if self.value is None else f"{number(self.value)} {self.unit}".rstrip()
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}x"
        return self.what, shown, ratio, self.target


@dataclass(frozen=True, slots=True)
class Section:
    """Rows that share a limit.

    Attributes:
        title: What was measured, and how often.
        rows: In the order of printing.
        limit: What a ratio of 1 is.
    """

    title: str
    rows: Sequence[Row]
    limit: str = ""


def number(value: float) -> str:
    """Write three figures that mean something."""
    if value == int(value) and value < 1e6:
        return f"{value:.0f}"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f}"


def render(sections: Iterable[Section]) -> str:
    """Lay all sections out under one set of columns."""
    sections = list(sections)
    cells = [row.cells() for section in sections for row in section.rows]
    widths = [max(len(row[i]) for row in [("", "median", "ratio", ""), *cells]) for i in range(4)]
    lines = [_line(("", "median", "ratio", "target"), widths)]
    for section in sections:
        limit = f"; ratio to {section.limit}" if section.limit else ""
        lines += ["", f"{section.title}{limit}"]
        lines += [_line(row.cells(), widths) for row in section.rows]
    return "\n".join(lines)


def _line(cells: tuple[str, str, str, str], widths: Sequence[int]) -> str:
    what, value, ratio, target = cells
    columns = [what.ljust(widths[0]), value.rjust(widths[1]), ratio.rjust(widths[2]), target]
    return ("  " + _GAP.join(columns)).rstrip()
