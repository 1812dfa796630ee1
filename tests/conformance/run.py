"""Judge `client.py` by the official MCP conformance suite: `python -m tests.conformance.run`.

First every scenario named `auth/*`, one by one, at every version of the protocol that it exists for; then
what the two released versions require of a client, as the suite itself selects it. Prints a line for each
scenario and version, then the totals; everything else that was said goes to a log.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.interop import install

HERE = Path(__file__).parent
SUITE = HERE / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
CLIENT = (sys.executable, str(HERE / "client.py"))
LOG = HERE / "results" / "log.txt"
GAPS = HERE / "expected-failures.toml"

REVISIONS = ("2025-11-25", "2026-07-28")
"""The versions that have a set of requirements; an extension has no version, and is run at both."""
AT_A_TIME = 2
SECONDS_FOR_A_CLIENT = 90
SECONDS_FOR_A_RUN = 600


# --- what comes out -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What one scenario came to at one version.

    Attributes:
        sound: The suite, the client and the scratch home had nothing else to object to.
        gap: Why a failure is expected; empty if it is not.
    """

    scenario: str
    version: str
    passed: int
    failed: int
    warnings: int
    sound: bool = True
    scored: bool = True
    gap: str = ""

    @property
    def good(self) -> bool:
        """Nothing failed, nothing was warned of, and something was checked."""
        return self.sound and self.passed > 0 and self.failed == 0 and self.warnings == 0

    @property
    def acceptable(self) -> bool:
        """Good and not listed as a gap, or a gap that is listed."""
        return self.good != bool(self.gap)

    def line(self) -> str:
        """One line for people."""
        said = f"{self.passed} passed, {self.failed} failed, {self.warnings} warnings"
        notes = [
            "" if self.sound else "ended badly: see the log",
            "" if self.scored else "not scored",
            f"listed as a gap: {self.gap}" if self.gap else "",
        ]
        note = "".join(f" ({note})" for note in notes if note)
        return f"{'✓' if self.good else '✗'} {self.scenario} {self.version}: {said}{note}"


@dataclass(frozen=True)
class Totals:
    """What several outcomes came to; a scenario is good if it is so at each of its versions."""

    scenarios: int
    good: int
    runs: int
    checks: int
    failed: int
    warnings: int

    def line(self, what: str) -> str:
        """One line for people."""
        return (
            f"{self.good} of {self.scenarios} {what}, {self.checks} checks in {self.runs} runs, "
            f"{self.failed} failed, {self.warnings} warnings"
        )


@dataclass(frozen=True)
class Report:
    """All that was run."""

    auth: tuple[Outcome, ...]
    required: tuple[Outcome, ...]

    @property
    def good(self) -> bool:
        """Nothing failed that is not a listed gap, and every listed gap still fails."""
        return bool(self.auth) and all(outcome.acceptable for outcome in (*self.auth, *self.required))

    def of(self, revision: str, *, scored: bool) -> Totals:
        """The totals of one set of requirements: what counts for it, or what is run beside it."""
        return totals(run for run in self.required if run.version == revision and run.scored == scored)

    def lines(self) -> Iterator[str]:
        """The totals, and the gaps by name."""
        yield totals(self.auth).line("auth scenarios")
        for revision in REVISIONS:
            yield self.of(revision, scored=True).line(f"required scenarios of {revision}")
            yield self.of(revision, scored=False).line(f"scenarios beside {revision} that are not scored")
        for outcome in (*self.auth, *self.required):
            if outcome.gap:
                yield f"gap: {outcome.scenario} {outcome.version}: {outcome.gap}"


def totals(outcomes: Iterable[Outcome]) -> Totals:
    """Count."""
    listed = list(outcomes)
    names = {outcome.scenario for outcome in listed}
    bad = {outcome.scenario for outcome in listed if not outcome.good}
    return Totals(
        scenarios=len(names),
        good=len(names - bad),
        runs=len(listed),
        checks=sum(outcome.passed + outcome.failed for outcome in listed),
        failed=sum(outcome.failed for outcome in listed),
        warnings=sum(outcome.warnings for outcome in listed),
    )


# --- what the suite says --------------------------------------------------------------------------

_LISTED = re.compile(r"^  - (\S+) \[(.+)\]$", re.MULTILINE)
_SINGLE = re.compile(r"^Passed: (\d+)/\d+, (\d+) failed, (\d+) warnings$", re.MULTILINE)
_SUMMED = re.compile(r"^[✓✗] (\S+): (\d+) passed, (\d+) failed(?:, (\d+) warnings)?$", re.MULTILINE)
_ANNOUNCED = re.compile(r"^Running requirements \S+ \((\d+) scenarios\)", re.MULTILINE)
_NOT_SCORED = re.compile(r"^  [✓✗] (\S+) \(\S+\)$", re.MULTILINE)


def listed(said: str) -> list[tuple[str, str]]:
    """Read `list --client`: the auth scenarios, each with each of its versions."""
    found = []
    for name, versions in _LISTED.findall(said):
        if name.startswith("auth/"):
            each = REVISIONS if versions == "extension" else versions.split(",")
            found += [(name, version) for version in each]
    return found


def single(scenario: str, version: str, said: str, code: int) -> Outcome:
    """Read the end of a run of one scenario; its exit code also tells of a client that failed or hung."""
    counts = _SINGLE.findall(said)
    if len(counts) != 1:
        return Outcome(scenario, version, 0, 0, 0, sound=False)
    passed, failed, warnings = map(int, counts[0])
    return Outcome(scenario, version, passed, failed, warnings, sound=code == 0 or failed + warnings > 0)


def summed(revision: str, said: str, code: int) -> list[Outcome]:
    """Read the summary of a set of requirements. What the suite itself did wrong is an outcome too."""
    summary = said.partition("=== SUITE SUMMARY ===")[2]
    unscored = set(_NOT_SCORED.findall(summary))
    outcomes = [
        Outcome(name, revision, int(passed), int(failed), int(warnings or 0), scored=name not in unscored)
        for name, passed, failed, warnings in _SUMMED.findall(summary)
    ]
    announced = _ANNOUNCED.findall(said)
    complete = announced == [str(len(outcomes))] and "Client timed out" not in said
    explained = code == 0 or any(outcome.failed for outcome in outcomes if outcome.scored)
    if not (complete and explained):
        outcomes.append(Outcome("(the whole set)", revision, 0, 0, 0, sound=False))
    return outcomes


# --- running it -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Suite:
    """The installed suite, with the client that it judges and the file that it reports to."""

    log: Path
    client: Sequence[str] = CLIENT

    def auth(self) -> Iterator[Outcome]:
        """Run the auth scenarios, some at a time; in the suite's order."""
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            yield from pool.map(lambda pair: self.one(*pair), listed(_said(["list", "--client"])[0]))

    def one(self, scenario: str, version: str) -> Outcome:
        """Run one scenario at one version; an extension is on no version's list, hence --force."""
        options = ["--scenario", scenario, "--spec-version", version, "--force"]
        with _home() as home:
            outcome = single(scenario, version, *self._judge(options, home))
            return outcome if self._untouched(home, outcome) else replace(outcome, sound=False)

    def requirements(self, revision: str) -> list[Outcome]:
        """Run what a revision requires; the suite runs its scenarios all at once."""
        with _home() as home:
            outcomes = summed(revision, *self._judge(["--requirements", revision], home))
            whole = Outcome("(the whole set)", revision, 0, 0, 0, sound=False)
            return outcomes if self._untouched(home, whole) else [*outcomes, whole]

    def _judge(self, options: list[str], home: Path) -> tuple[str, int]:
        arguments = ["client", "--command", shlex.join(self.client), *options]
        arguments += ["--timeout", str(SECONDS_FOR_A_CLIENT * 1000)]
        said, code = _said(arguments, home)
        with self.log.open("a") as log:
            log.write(f"\n{'=' * 100}\n{shlex.join(options)}\n\n{said}\nended with {code}\n")
        return said, code

    def _untouched(self, home: Path, outcome: Outcome) -> bool:
        """A client that leaves something under HOME is at fault."""
        left = sorted(str(path.relative_to(home)) for path in home.rglob("*"))
        if left:
            with self.log.open("a") as log:
                log.write(f"{outcome.scenario} {outcome.version} wrote under HOME: {', '.join(left)}\n")
        return not left


def _said(arguments: list[str], home: Path | None = None) -> tuple[str, int]:
    """Run the suite; what it said, without colours, and its exit code."""
    proxies = {name for name in os.environ if name.lower().endswith("_proxy")}
    environment = {name: value for name, value in os.environ.items() if name not in proxies}
    if home is not None:
        environment |= {name: str(home) for name in ("HOME", "MCP_VACUUM_HOME", "XDG_CONFIG_HOME")}
        environment |= {name: str(home) for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")}
    done = subprocess.run(
        [str(install.node()), str(SUITE), *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS_FOR_A_RUN,
    )
    return re.sub(r"\x1b\[\d*m", "", done.stdout), done.returncode


@contextmanager
def _home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mcp-vacuum-conformance-") as folder:
        yield Path(folder)


def known_gaps(file: Path = GAPS) -> dict[tuple[str, str], str]:
    """Read the expected failures: (scenario, version) to reason."""
    entries = tomllib.loads(file.read_text()).get("gap", [])
    return {(entry["scenario"], entry["version"]): entry["reason"] for entry in entries}


def run(log: Path = LOG, say: Callable[[str], None] = print) -> Report:
    """Run everything; the suite is installed already."""
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")
    suite = Suite(log)
    gaps = known_gaps()

    def noted(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        for outcome in outcomes:
            known = replace(outcome, gap=gaps.get((outcome.scenario, outcome.version), ""))
            say(known.line())
            yield known

    auth = tuple(noted(suite.auth()))
    required: list[Outcome] = []
    for revision in REVISIONS:
        say(f"\n--requirements {revision}")
        required += noted(suite.requirements(revision))
    report = Report(auth, tuple(required))
    with log.open("a") as end:
        end.write(f"\n{'=' * 100}\n" + "".join(f"{line}\n" for line in report.lines()))
    return report


def main() -> int:
    """Install, run, print; 1 when anything failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.run", description=__doc__)
    parser.add_argument("--log", type=Path, default=LOG, help="the file for everything that was said")
    log: Path = parser.parse_args().log.absolute()
    try:
        install.install(HERE)
    except (install.RegistryUnreachableError, RuntimeError) as error:
        print(f"the suite is not installed: {error}", file=sys.stderr)
        return 1
    report = run(log)
    print()
    for line in report.lines():
        print(line)
    print(f"log: {log}")
    return 0 if report.good else 1


if __name__ == "__main__":
    sys.exit(main())
