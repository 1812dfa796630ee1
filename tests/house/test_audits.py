"""Each rule of the auditor has its page, and the pages say what the rules say."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from mcp_vacuum.audit.rules import CATALOGUE, OF_THE_GUIDE
from mcp_vacuum.audit.scenarios import SCENARIOS

ROOT = Path(__file__).parents[2]
GENERATOR = ROOT / "docs" / "generate_audits.py"
PAGES = ROOT / "docs" / "audits"


def generator() -> Any:
    spec = spec_from_file_location("generate_audits", GENERATOR)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check() -> tuple[int, str]:
    done = subprocess.run([sys.executable, GENERATOR, "--check"], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_the_pages_are_what_the_rules_say() -> None:
    assert check() == (0, "")


def test_a_stale_page_is_named_with_the_command_that_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = generator()
    monkeypatch.setattr(made, "HERE", tmp_path)
    assert made.main([]) == 0
    assert made.main(["--check"]) == 0
    (tmp_path / "AS-PKCE-01.md").write_text("changed", encoding="utf-8")
    (tmp_path / "AS-PKCE-99.md").write_text("of a rule that is gone", encoding="utf-8")

    assert made.main(["--check"]) == 1
    told = capsys.readouterr().err
    assert "2 pages" in told
    assert "AS-PKCE-01.md, AS-PKCE-99.md" in told
    assert "make audit-pages" in told
    assert made.main([]) == 0
    assert not (tmp_path / "AS-PKCE-99.md").exists()


def test_every_rule_is_in_the_index_and_every_link_leads_to_a_page() -> None:
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    linked = re.findall(r"\]\(([A-Z0-9-]+)\.md\)", index)

    assert sorted(linked) == sorted(rule.id for rule in (*CATALOGUE, *OF_THE_GUIDE))
    assert all((PAGES / f"{name}.md").is_file() for name in linked)


def test_the_manuals_say_how_many_there_are() -> None:
    about, commands = (
        " ".join((ROOT / "docs" / name).read_text(encoding="utf-8").split())
        for name in ("audit.md", "command-line.md")
    )

    assert f"The {len(CATALOGUE) + len(OF_THE_GUIDE)} rules are listed in" in about
    assert f"prints {len(CATALOGUE)} of them" in about
    assert f"the {len(CATALOGUE)} rules: which are checked" in commands
    for text in (about, commands):
        assert f"plays {len(SCENARIOS)} scenarios" in text


@pytest.mark.parametrize("rule", [*CATALOGUE, *OF_THE_GUIDE], ids=lambda rule: rule.id)
def test_a_page_is_whole(rule: Any) -> None:
    page = (PAGES / f"{rule.id}.md").read_text(encoding="utf-8")

    assert {"## What is looked at", "## What to do", "## Sources"} <= set(page.splitlines())
    assert not rule.checks or "## Why" in page
    assert not rule.missing or "Nothing checks" in page
    assert all(part in page for part in (rule.bad, rule.good))


def test_text_of_a_rule_stays_text() -> None:
    text = generator().text

    assert text("a __Host- cookie, *, <b> and [x] | `a_b|c`") == (
        r"a \_\_Host- cookie, \*, \<b\> and \[x\] \| `a_b\|c`"
    )
    assert text("code_challenge_methods_supported") == "code_challenge_methods_supported"
