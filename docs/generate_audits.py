"""Write `audits/`, a page for each rule of the auditor; with `--check`, say whether they are current."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from mcp_vacuum.audit import rules as families
from mcp_vacuum.audit.rule import Kind, Level, Rule, Severity
from mcp_vacuum.audit.rules import CATALOGUE, OF_THE_GUIDE
from mcp_vacuum.audit.sources import link

HERE = Path(__file__).parent / "audits"
COMMAND = "make audit-pages"
RULES = (*CATALOGUE, *OF_THE_GUIDE)
WRITTEN = f"<!-- Written from the rules by `{COMMAND}`. -->"
NAMES = ("iss", "nonce", "scope", "state")
"""Words of the protocol that are written as they are, even where they begin a sentence."""
GUIDE = ("guide", "What the guide asks beyond the catalogue")

LOOKS_AT = {
    Kind.PASSIVE: ("a server, without a login", "mcp-vacuum audit server URL"),
    Kind.ACTIVE: ("a server, with a login of its own", "mcp-vacuum audit server URL --active"),
    Kind.CLIENT: ("a client that runs against a laboratory", "mcp-vacuum audit client -- CMD… {url}"),
    Kind.STORE: ("what is stored on this machine", "mcp-vacuum audit store"),
    Kind.CONFIG: ("a configuration file", "mcp-vacuum audit config FILE"),
    Kind.FLOW: ("an `OAuth2Client` in Python", "SecurityAuditor().audit_oauth_flow(client)"),
}
"""In the order of the columns of the index: what, and how to have it looked at."""

HEADER = """\
# The rules of the auditor

Every rule has a page of its own: what it asks, why, an example that breaks it and one that keeps it, what to
do, and the texts that ask for it. The pages are written from the rules themselves; after a change there, run
`make audit-pages`. How to use the auditor is in [audit.md](../audit.md)."""

VERDICTS = """\
## How to read a verdict

- `PASS`: it was looked at, and it holds. A test of the form "this must be refused" counts only if the same
  request without the flaw was accepted.
- `FAIL`: it is broken. A finding of medium severity or worse, of a rule that a text demands, seen with
  certainty.
- `WARN`: it is broken, and it is mild (low, info), or it is advice of this auditor, or what was seen has
  another reading; then the report says *perhaps*.
- `NOT_APPLICABLE`: it does not concern this target, with the reason.
- `INCONCLUSIVE`: nobody could tell, with the reason: no answer, a page that keeps robots out, a check that is
  not built. **It is not a pass.**

A report lists what `FAIL` and `WARN` found, worst first; the ids of `PASS` under *passed*; and the other
two under *not checked*, with the reason. A target is *compliant* if nothing of medium severity or worse was
found.

A rule of level *advice* is drawn by this auditor from the reasons that a text gives. To break it breaks no
specification, so it never makes a `FAIL`.

In the columns below, **✓** is checked, **○** is planned, and blank does not concern the rule."""


def main(arguments: list[str]) -> int:
    """Write the pages, or check them; return the exit code."""
    if arguments not in ([], ["--check"]):
        print(f"usage: python docs/{Path(__file__).name} [--check]", file=sys.stderr)
        return 2
    pages = render()
    if arguments:
        return _check(pages)
    HERE.mkdir(exist_ok=True)
    for stale in _on_disk() - pages.keys():
        (HERE / stale).unlink()
    for name, text in pages.items():
        (HERE / name).write_text(text, encoding="utf-8")
    print(f"wrote {len(pages)} pages to docs/{HERE.name}")
    return 0


def _check(pages: dict[str, str]) -> int:
    strange = _on_disk() ^ pages.keys()
    strange |= {name for name in _on_disk() & pages.keys() if _read(name) != pages[name]}
    if strange:
        some = ", ".join(sorted(strange)[:3]) + (", …" if len(strange) > 3 else "")
        print(f"{len(strange)} pages of docs/{HERE.name} are stale ({some}): run {COMMAND}", file=sys.stderr)
    return 1 if strange else 0


def _on_disk() -> set[str]:
    return {path.name for path in HERE.glob("*.md")}


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def render() -> dict[str, str]:
    """Return every page by its name."""
    pages = {f"{rule.id}.md": page(rule, family) for family, found in by_family() for rule in found}
    return {"README.md": index(), **pages}


def by_family() -> list[tuple[tuple[str, str], list[Rule]]]:
    """Return the rules by module, in the catalogue's order: its name, its first sentence, and its rules."""
    homes: dict[str, tuple[str, str]] = {}
    for found in iter_modules(families.__path__):
        module = import_module(f"{families.__name__}.{found.name}")
        told = (module.__doc__ or found.name).splitlines()[0].rstrip(".")
        homes |= {rule.id: (found.name, told) for rule in getattr(module, "RULES", ())}
    grouped: dict[tuple[str, str], list[Rule]] = {}
    for rule in RULES:
        grouped.setdefault(homes.get(rule.id, GUIDE), []).append(rule)
    return list(grouped.items())


# --- the index --------------------------------------------------------------------------------------------


def index() -> str:
    """Return the page that lists every rule."""
    parts = [WRITTEN, HEADER, _totals(), VERDICTS]
    parts += [f"## {text(told)}\n\n{_table(rules)}" for (_, told), rules in by_family()]
    return "\n\n".join(parts) + "\n"


def _totals() -> str:
    checked = sum(rule.implemented for rule in RULES)
    head = f"{len(RULES)} rules: {checked} are checked, {len(RULES) - checked} are planned."
    rows = [_count(kind, what) for kind, what in LOOKS_AT.items()]
    return "\n".join([head, "", "| Looked at | With | Rules | Checked |", "|---|---|---|---|", *rows])


def _count(kind: Kind, what: tuple[str, str]) -> str:
    rules = [rule for rule in RULES if kind in rule.kinds]
    checked = sum(kind in rule.checks for rule in rules)
    return f"| {what[0]} | `{what[1]}` | {len(rules)} | {checked} |"


def _table(rules: Iterable[Rule]) -> str:
    names = " | ".join(kind.value for kind in LOOKS_AT)
    head = f"| Rule | | Level | Severity | {names} |"
    return "\n".join([head, "|---|---|---|---|" + ":-:|" * len(LOOKS_AT), *map(_row, rules)])


def _row(rule: Rule) -> str:
    marks = ["" if kind not in rule.kinds else "✓" if kind in rule.checks else "○" for kind in LOOKS_AT]
    cells = (f"[{rule.id}]({rule.id}.md)", text(rule.title), rule.level.value, rule.severity.word, *marks)
    return f"| {' | '.join(cells)} |"


# --- a page -----------------------------------------------------------------------------------------------


def page(rule: Rule, family: tuple[str, str]) -> str:
    """Return the page of a rule."""
    parts = [WRITTEN, f"# {rule.id}: {text(rule.title)}", _facts(rule, family[1]), *_state(rule)]
    parts += [f"## Why\n\n{text(_sentence(rule.why))}"] if rule.why else []
    for heading, example in (("An example that breaks it", rule.bad), ("One that keeps it", rule.good)):
        parts += [f"## {heading}\n\n{_fenced(example)}"] if example else []
    parts.append(f"## What to do\n\n{text(_sentence(rule.fix))}")
    parts.append("## Sources\n\n" + "\n".join(f"- {_source(each)}" for each in rule.sources))
    parts.append("[All rules, and how to read a verdict](README.md)")
    return "\n\n".join(parts) + "\n"


def _facts(rule: Rule, family: str) -> str:
    level = "advice of this auditor" if rule.level is Level.ADVICE else rule.level.value
    mild = " (a remark, no issue)" if rule.severity < Severity.MEDIUM else ""
    facts = [("Level", level), ("Severity", rule.severity.word + mild), ("About", text(family))]
    facts.append(("State", "checked" if rule.implemented and not rule.missing else _unfinished(rule)))
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts)])


def _unfinished(rule: Rule) -> str:
    return "checked in part" if rule.implemented else "planned"


def _state(rule: Rule) -> Iterator[str]:
    kinds = [kind for kind in LOOKS_AT if kind in rule.kinds]
    yield "## What is looked at\n\n" + "\n".join(_looked_at(kind, kind in rule.checks) for kind in kinds)
    if rule.missing:
        part = "a part of it" if rule.implemented else "it"
        told = "An audit that would have to look there says `INCONCLUSIVE`: it never passes in silence."
        yield f"Nothing checks {part} yet: {text(rule.because.rstrip('.'))}. {told}"


def _looked_at(kind: Kind, checked: bool) -> str:
    what, how = LOOKS_AT[kind]
    return f"- {what}: `{how}`" if checked else f"- {what}: not checked yet"


def _source(source: str) -> str:
    url = link(source)
    return f"[{text(source)}]({url})" if url else text(source)


def _fenced(example: str) -> str:
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", example)), default=0))
    return f"{fence}text\n{example}\n{fence}"


def _sentence(words: str) -> str:
    """Give what stands in a table in lower case the form of a sentence, unless it begins with a name."""
    plain = re.match(r"[a-z]+(-[a-z]+)*[,;]?(?= )", words) and words.split()[0] not in NAMES
    begun = words[:1].upper() + words[1:] if plain else words
    return begun if begun.endswith((".", "!", "?")) else f"{begun}."


def text(words: str) -> str:
    """Escape what Markdown would read as more than words; code between backticks stays code."""
    parts = re.split(r"(`[^`]*`)", " ".join(words.split()))
    return "".join(part if part.startswith("`") else _escaped(part) for part in parts).replace("|", "\\|")


def _escaped(words: str) -> str:
    return re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|[\\*<>\[\]`]", r"\\\g<0>", words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
