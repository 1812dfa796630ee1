"""The house tests itself: names, mirrors, words that must not appear."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mcp_vacuum

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "mcp_vacuum"
WITHOUT_TEST = {"__init__", "__main__", "_version"}


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def modules() -> list[Path]:
    return [path for path in SOURCE.rglob("*.py") if path.stem not in WITHOUT_TEST]


@pytest.mark.parametrize("name", mcp_vacuum.__all__)
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(mcp_vacuum, name) is not None


def test_type_checkers_see_the_names_that_python_resolves() -> None:
    tree = ast.parse((SOURCE / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        (alias.name, str(node.module).removeprefix("mcp_vacuum."))
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    assert seen == set(mcp_vacuum._HOMES.items())
    assert sorted(mcp_vacuum.__all__) == sorted(mcp_vacuum._HOMES)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_source_file_has_its_test_file(path: Path) -> None:
    relative = path.relative_to(SOURCE)
    parts = [part for part in relative.parent.parts if part != "commands"]

    assert (ROOT / "tests" / Path(*parts) / f"test_{path.stem}.py").exists()


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_no_registry_host_and_no_path_of_a_machine_is_named() -> None:
    forbidden = re.compile(
        "|".join(
            [
                r"registry\.npm" + "js",
                r"pypi\." + "org",
                r"files\.python" + "hosted",
                r"/ro" + r"ot/",
                r"/wo" + r"rk/",
            ]
        )
    )
    guilty = []
    for path in tracked():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        if forbidden.search(text):
            guilty.append(str(path.relative_to(ROOT)))

    assert guilty == []


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = {
        "pydantic",
        "httpx2",
        "httpx",
        "keyring",
        "cryptography",
        "rich",
        "click",
        "typing",
        "dataclasses",
    }
    program = "import sys; before = set(sys.modules); import mcp_vacuum; print(*(set(sys.modules) - before))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout

    assert heavy.isdisjoint(loaded.split())


def test_the_httpx2_auth_loads_no_storage_and_no_cryptography() -> None:
    heavy = {"pydantic", "keyring", "cryptography", "sqlite3", "mcp_vacuum.storage.credentials"}
    program = "import sys; import mcp_vacuum.integrations.httpx2; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout

    assert heavy.isdisjoint(loaded.split())


def test_help_loads_no_command() -> None:
    call = "run(['--help'])"
    program = f"import sys; from mcp_vacuum.cli.main import run; {call}; print(*sys.modules, file=sys.stderr)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stderr

    assert not [name for name in loaded.split() if name.startswith("mcp_vacuum.cli.commands.")]
    assert {"httpx2", "pydantic", "cryptography", "rich"}.isdisjoint(loaded.split())


def test_every_error_class_is_drawn_in_the_tree() -> None:
    errors = importlib.import_module("mcp_vacuum.errors")
    drawn = set(re.findall(r"(\w+) +exit", errors.__doc__ or ""))
    classes = {name for name, value in vars(errors).items() if isinstance(value, type)}

    assert drawn == classes
