"""A terminal's text as an SVG that needs nothing from anywhere: no fonts, no links, no scripts."""

from __future__ import annotations

import io
import re

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

FONTS = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"


def svg(text: str, name: str, columns: int) -> str:
    """Draw text with ANSI colours.

    Args:
        text: What the terminal shows.
        name: Stands in the title bar, and in the drawing's identifiers, so that a re-run changes nothing.
        columns: How wide the terminal is.
    """
    console = Console(
        record=True, width=columns, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    console.print(Text.from_ansi(text), soft_wrap=False)
    drawn = console.export_svg(
        title=name, code_format=_without_fonts(), unique_id=f"screen-{name.replace(' ', '-')}"
    )
    return "\n".join(line.rstrip() for line in drawn.splitlines()) + "\n"


def _without_fonts() -> str:
    """Return rich's own drawing with the reader's fonts instead of fetched ones."""
    drawing = re.sub(r"<!--.*?-->\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    drawing = re.sub(r"@font-face \{\{.*?\}\}\s*", "", drawing, flags=re.DOTALL)
    return re.sub(r"font-family: [^;]+;", f"font-family: {FONTS};", drawing)
