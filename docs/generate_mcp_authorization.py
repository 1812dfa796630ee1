"""Write `mcp-authorization.md` from `mcp-authorization.toml`; with `--check`, say whether it is current."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SOURCE = HERE / "mcp-authorization.toml"
TARGET = HERE / "mcp-authorization.md"
CONFORMANCE = "conformance:"
COUNTS = ("MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY")

INTRODUCTION = """\
# The MCP authorization specification, and the tests that show it

Each MUST and SHOULD of the MCP authorization pages, 2026-07-28, and of *Security Best Practices*, as far as
it binds a client, in our own words: with the tests that show it, or why none does. It is written from
`mcp-authorization.toml`; after a change there, run `python docs/generate_mcp_authorization.py`.

`auth/...` is a scenario of the official suite, run by [tests/conformance](../tests/conformance). *Open*,
beside tests, is what they leave. MAYs are listed only where something depends on them."""

Requirement = dict[str, Any]


def main(arguments: list[str]) -> int:
    """Write the page, or check it; return the exit code."""
    page = render(tomllib.loads(SOURCE.read_text(encoding="utf-8"))["requirement"])
    if arguments == ["--check"]:
        current = TARGET.exists() and TARGET.read_text(encoding="utf-8") == page
        if not current:
            print(f"{TARGET.name} is stale: run python docs/{Path(__file__).name}", file=sys.stderr)
        return 0 if current else 1
    if arguments:
        print(f"usage: python docs/{Path(__file__).name} [--check]", file=sys.stderr)
        return 2
    TARGET.write_text(page, encoding="utf-8")
    return 0


def render(requirements: list[Requirement]) -> str:
    """Return the whole page."""
    pages: dict[str, list[Requirement]] = {}
    for requirement in requirements:
        pages.setdefault(requirement["page"], []).append(requirement)
    parts = [INTRODUCTION, _totals(requirements)]
    parts += [f"## {page}\n\n{_table(rows)}" for page, rows in pages.items()]
    return "\n\n".join(parts) + "\n"


def state(requirement: Requirement) -> str:
    """Return `shown`, `in part` or `not shown`."""
    if not requirement.get("tests"):
        return "not shown"
    return "in part" if requirement.get("gap") else "shown"


def _totals(requirements: list[Requirement]) -> str:
    lines = ["| | all | shown | in part | not shown |", "|---|---|---|---|---|"]
    for level in COUNTS:
        lines.append(_count(level, [row for row in requirements if row["level"] == level]))
    return "\n".join([*lines, _count("together", requirements)])


def _count(name: str, rows: list[Requirement]) -> str:
    states = [state(row) for row in rows]
    numbers = (len(rows), *(states.count(word) for word in ("shown", "in part", "not shown")))
    return f"| {name} | " + " | ".join(str(number) for number in numbers) + " |"


def _table(rows: list[Requirement]) -> str:
    lines = ["| # | Heading | Level | Requirement | Shown by |", "|---|---|---|---|---|"]
    for row in rows:
        shown = [_link(test) for test in row.get("tests", ())]
        if gap := row.get("gap"):
            shown.append(f"*Open:* {gap}" if shown else gap)
        cells = (str(row["number"]), row["heading"], row["level"], row["text"], "<br>".join(shown))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def _link(test: str) -> str:
    if test.startswith(CONFORMANCE):
        return f"`{test.removeprefix(CONFORMANCE)}`"
    path, name = test.split("::", 1)
    return f"[`{name}`](../{path})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
