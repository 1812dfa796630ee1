"""What the official MCP conformance suite says of `client.py`, and what keeps that verdict honest."""

import ast
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.interop import install

from . import run

SUMMARY = """Running requirements 2026-07-28 ({} scenarios) in parallel...

=== SUITE SUMMARY ===

✓ tools_call: 2 passed, 0 failed
✗ request-metadata: 4 passed, 0 failed, 1 warnings
✗ auth/dpop: 12 passed, 3 failed

Total: 18 passed, 3 failed, 1 warnings

Not scored for 2026-07-28: 1 scenario(s) run, 1 failing. These do not affect conformance.
  ✗ auth/dpop (extension)
"""

# The real client, good in all that it says, but for a file that it leaves.
LEAVES_A_FILE = """
import pathlib, runpy
(pathlib.Path.home() / "left").touch()
runpy.run_path({!r}, None, "__main__")
"""


@pytest.fixture(scope="session")
def suite() -> None:
    try:
        install.install(run.HERE)
    except install.RegistryUnreachableError as error:
        pytest.skip(f"the conformance suite is not installed and npm reaches no registry: {error}")


# --- the verdict ----------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_the_client_conforms(suite: None, tmp_path: Path) -> None:
    report = run.run(tmp_path / "log.txt")
    bad = [outcome.line() for outcome in (*report.auth, *report.required) if not outcome.good]

    assert bad == [], f"log: {tmp_path / 'log.txt'}"
    assert report.good
    auth = run.totals(report.auth)
    assert (auth.good, auth.scenarios, auth.failed, auth.warnings) == (33, 33, 0, 0)
    assert (auth.runs, auth.checks >= 700) == (56, True)
    for revision, required in (("2025-11-25", 18), ("2026-07-28", 32)):
        scored = report.of(revision, scored=True)
        assert (scored.good, scored.scenarios, scored.failed, scored.warnings) == (required, required, 0, 0)


@pytest.mark.long
@pytest.mark.parametrize(
    ("program", "passed"),
    [
        ("pass", 0),
        ("raise SystemExit(1)", 0),
        (LEAVES_A_FILE, 18),
    ],
    ids=["does nothing", "fails", "writes under HOME"],
)
def test_a_bad_client_is_told(suite: None, tmp_path: Path, program: str, passed: int) -> None:
    script = tmp_path / "client.py"
    script.write_text(program.format(str(run.HERE / "client.py")))
    client: Sequence[str] = (sys.executable, str(script))

    outcome = run.Suite(tmp_path / "log.txt", client).one("auth/metadata-default", "2026-07-28")

    assert not outcome.good
    assert outcome.passed >= passed
    assert ("wrote under HOME: left" in (tmp_path / "log.txt").read_text()) == bool(passed)


# --- reading what the suite says ------------------------------------------------------------------


def test_auth_scenarios_are_listed_at_each_version() -> None:
    said = (
        "Client:\n  - tools_call [2025-06-18]\n  - auth/a [2025-11-25,2026-07-28]\n  - auth/b [extension]\n"
    )

    assert run.listed(said) == [
        ("auth/a", "2025-11-25"),
        ("auth/a", "2026-07-28"),
        ("auth/b", "2025-11-25"),
        ("auth/b", "2026-07-28"),
    ]


@pytest.mark.parametrize(
    ("said", "code", "good"),
    [
        ("Passed: 5/5, 0 failed, 0 warnings\n", 0, True),
        ("Passed: 5/5, 0 failed, 0 warnings\n", 1, False),
        ("Passed: 4/5, 1 failed, 0 warnings\n", 1, False),
        ("Passed: 5/5, 0 failed, 1 warnings\n", 0, False),
        ("Passed: 0/0, 0 failed, 0 warnings\n", 0, False),
        ("SKIPPED: scenario is not applicable\n", 0, False),
    ],
)
def test_one_scenario_is_good_only_without_any_fault(said: str, code: int, good: bool) -> None:
    assert run.single("auth/a", "2026-07-28", said, code).good == good


def test_a_summary_is_read() -> None:
    tools, metadata, dpop = run.summed("2026-07-28", SUMMARY.format(3), 0)

    assert (tools.good, tools.scored) == (True, True)
    assert (metadata.good, metadata.warnings) == (False, 1)
    assert (dpop.good, dpop.failed, dpop.scored) == (False, 3, False)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (SUMMARY.format(4), 0),
        (SUMMARY.format(3) + "Client timed out after 90000ms\n", 0),
        (SUMMARY.format(3), 1),
        ("Cannot find module\n", 1),
    ],
    ids=["one is missing", "a client hung", "failed without a reason", "the suite did not run"],
)
def test_a_summary_that_does_not_add_up_fails(said: str, code: int) -> None:
    assert not run.summed("2026-07-28", said, code)[-1].good


def test_a_listed_gap_is_printed_and_may_not_pass() -> None:
    fails = run.Outcome("auth/a", "2026-07-28", 1, 1, 0, gap="the SDK cannot")
    passes = run.Outcome("auth/a", "2026-07-28", 2, 0, 0, gap="the SDK cannot")

    assert run.Report((fails,), ()).good
    assert "gap: auth/a 2026-07-28: the SDK cannot" in run.Report((fails,), ()).lines()
    assert not run.Report((passes,), ()).good
    assert not run.Report((), ()).good


def test_no_gap_is_listed() -> None:
    assert run.known_gaps() == {}


# --- what is under test is what it says it is -----------------------------------------------------


def test_the_client_needs_only_what_the_extra_installs() -> None:
    tree = ast.parse((run.HERE / "client.py").read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    foreign = {name.split(".")[0] for name in names} - set(sys.stdlib_module_names)

    assert foreign == {"anyio", "httpx2", "mcp", "mcp_vacuum"}
    assert not [name for name in names if "._" in name]


def test_the_client_looks_at_one_scenario_name_only() -> None:
    source = (run.HERE / "client.py").read_text()
    code = source.partition('"""\n\n')[2]

    assert code.count("MCP_CONFORMANCE_SCENARIO") == 1
    assert code.count('"auth/') == code.count('== "auth/client-credentials-basic"') == 1


def test_the_lock_pins_the_suite_and_names_no_registry() -> None:
    lock = (run.HERE / "package-lock.json").read_text()
    packages = json.loads(lock)["packages"]

    assert packages[""]["dependencies"] == {"@modelcontextprotocol/conformance": "0.2.0-alpha.12"}
    assert packages["node_modules/@modelcontextprotocol/conformance"]["version"] == "0.2.0-alpha.12"
    assert "resolved" not in lock
    assert all("integrity" in package for name, package in packages.items() if name)
    assert "omit-lockfile-registry-resolved=true" in (run.HERE / ".npmrc").read_text().splitlines()
