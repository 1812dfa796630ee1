"""The table of requirements names tests that are there, and the page is what the table says."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GENERATOR = DOCS / "generate_mcp_authorization.py"
REQUIREMENTS: list[dict[str, Any]] = tomllib.loads(
    (DOCS / "mcp-authorization.toml").read_text(encoding="utf-8")
)["requirement"]
MEMBERS = {"number", "page", "heading", "level", "text", "tests", "gap"}
LEVELS = {"MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY"}
CONFORMANCE = "conformance:auth/"

# Every scenario `auth/*` of the official suite that tests/conformance pins.
SCENARIOS = {
    "2025-03-26-oauth-endpoint-fallback",
    "2025-03-26-oauth-metadata-backcompat",
    "authorization-server-migration",
    "basic-cimd",
    "client-credentials-basic",
    "client-credentials-jwt",
    "dpop",
    "dpop-nonce",
    "enterprise-managed-authorization",
    "iss-normalized",
    "iss-not-advertised",
    "iss-supported",
    "iss-supported-missing",
    "iss-unexpected",
    "iss-wrong-issuer",
    "metadata-default",
    "metadata-issuer-mismatch",
    "metadata-var1",
    "metadata-var2",
    "metadata-var3",
    "offline-access-not-supported",
    "offline-access-scope",
    "pre-registration",
    "resource-mismatch",
    "scope-from-scopes-supported",
    "scope-from-www-authenticate",
    "scope-omitted-when-undefined",
    "scope-retry-limit",
    "scope-step-up",
    "token-endpoint-auth-basic",
    "token-endpoint-auth-none",
    "token-endpoint-auth-post",
    "wif-jwt-bearer",
}


@cache
def ids_of(path: str) -> frozenset[str]:
    """Return the ids of a test file, after its path, without parameters."""
    found = set()
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        functions = (each for each in inside if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
        found |= {prefix + each.name for each in functions if each.name.startswith("test_")}
    return frozenset(found)


def exists(test: str) -> bool:
    if test.startswith(CONFORMANCE):
        return test.removeprefix(CONFORMANCE) in SCENARIOS
    path, _, name = test.partition("::")
    return (
        path.startswith("tests/")
        and Path(path).name.startswith("test_")
        and (ROOT / path).is_file()
        and name in ids_of(path)
    )


def test_the_page_is_what_the_table_says() -> None:
    done = subprocess.run([sys.executable, GENERATOR, "--check"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_each_number_is_there_once() -> None:
    numbers = [requirement["number"] for requirement in REQUIREMENTS]

    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: str(requirement["number"]))
class TestRequirement:
    def test_it_is_whole(self, requirement: dict[str, Any]) -> None:
        assert MEMBERS >= set(requirement) >= MEMBERS - {"tests", "gap"}
        assert requirement["level"] in LEVELS
        assert all(requirement[member] for member in requirement)
        assert "\n" not in requirement["text"] + requirement.get("gap", "")

    def test_tests_show_it_or_it_says_why_none_does(self, requirement: dict[str, Any]) -> None:
        assert requirement.get("tests") or requirement.get("gap")

    def test_every_test_that_it_names_exists(self, requirement: dict[str, Any]) -> None:
        tests = requirement.get("tests", [])

        assert [test for test in tests if not exists(test)] == []
        assert [test for test, times in Counter(tests).items() if times > 1] == []


@pytest.mark.parametrize(
    "test",
    [
        "tests/house/test_gone.py::test_it",
        "tests/house/test_house.py::test_gone",
        "tests/house/test_house.py",
        "docs/generate_mcp_authorization.py::main",
        "conformance:auth/gone",
    ],
)
def test_what_is_not_there_is_noticed(test: str) -> None:
    assert not exists(test)
