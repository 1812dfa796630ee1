"""`docs/reliability.md` has exactly the faults that there are tests for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTEST = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
MARKED = "tests.reliability.report import"


def test_the_page_lists_the_tests_that_there_are() -> None:
    files = [path for path in (ROOT / "tests").rglob("test_*.py") if _marks(path)]
    done = subprocess.run(
        [*PYTEST, "--reliability=check", *sorted(str(path) for path in files)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


def _marks(path: Path) -> bool:
    text = path.read_text(encoding="utf-8")
    return MARKED in text or ".report import" in text
