"""The virtual environment in which everything is measured: mcp-vacuum and, beside it, its peers."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
HOME = ROOT / ".venv-bench"
LIST = Path(__file__).with_name("peers.txt")


def installed(package: str) -> bool:
    """True if this interpreter has the package."""
    return importlib.util.find_spec(package) is not None


def move_in() -> None:
    """Go on in the benchmark's own environment, made if need be; stay here if it cannot be made."""
    if Path(sys.prefix).resolve() == HOME.resolve():
        return
    python = HOME / "bin" / "python"
    if _make(python):
        os.chdir(ROOT)
        os.execv(python, [str(python), "-m", "benchmarks", *sys.argv[1:]])
    say("the environment for the peers could not be made; measuring in this one")


def say(text: str) -> None:
    """Tell what is being done; the table alone goes to stdout."""
    print(text, file=sys.stderr, flush=True)


def _make(python: Path) -> bool:
    stamp = HOME / "made-from"
    recipe = hashlib.sha256(LIST.read_bytes() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == recipe:
        return True
    say(f"installing the peers of {LIST.name} in {HOME.name} (once)")
    if subprocess.run([sys.executable, "-m", "venv", str(HOME)], check=False).returncode:
        return False
    HOME.joinpath(".gitignore").write_text("*\n")
    if not _install(python, "-e", str(ROOT)):
        return False
    everything = _install(python, "-r", str(LIST)) or _one_by_one(python)
    stamp.write_text(recipe if everything else "some peers are missing")
    return True


def _one_by_one(python: Path) -> bool:
    lines = [line.strip() for line in LIST.read_text().splitlines()]
    wanted = [line for line in lines if line and not line.startswith("#")]
    return all([_install(python, line) for line in wanted])  # noqa: C419 - every one is tried


def _install(python: Path, *what: str) -> bool:
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        say(f"  {' '.join(what)} was not installed: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return done.returncode == 0
