"""Settings by name, and the secrets of a configuration."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_vacuum.audit.rules.config_words import secrets, settings, truth
from tests.audit.configured import entry, evidence

VALUE = "kZ0wq3Xn7Vb1Tt5Lr9Pd"


@pytest.mark.parametrize(
    ("members", "how", "name"),
    [
        ({"command": "x", "args": ["--token", VALUE]}, "argument", "token"),
        ({"command": "x", "args": [f"--token={VALUE}"]}, "argument", "token"),
        ({"command": "x", "args": ["-e", f"S_TOKEN={VALUE}"]}, "argument", "S_TOKEN"),
        (
            {"command": "x", "args": ["--header", f"Authorization: Bearer {VALUE}"]},
            "argument",
            "Authorization",
        ),
        ({"command": ["x", "--token", VALUE], "type": "local"}, "argument", "token"),
        ({"command": "x", "env": {"S_TOKEN": VALUE}}, "variable", "S_TOKEN"),
        ({"command": "x", "environment": {"S_TOKEN": VALUE}}, "variable", "S_TOKEN"),
        ({"url": "https://x", "headers": {"X-Api-Key": VALUE}}, "header", "X-Api-Key"),
        (
            {"url": "https://x", "requestInit": {"headers": {"Authorization": f"Bearer {VALUE}"}}},
            "header",
            "Authorization",
        ),
        ({"url": "https://x", "bearer_token": VALUE}, "setting", "bearer_token"),
    ],
)
def test_where_a_secret_stands(members: dict[str, Any], how: str, name: str) -> None:
    (found,) = secrets(evidence(entry(**members)))

    assert (found.how, found.name, found.found.value) == (how, name, VALUE)


@pytest.mark.parametrize(
    "members",
    [
        {"command": "x", "args": ["--token", "${TOKEN}"]},
        {"command": "x", "args": ["--token-file", "/run/secrets/token"]},
        {"command": "x", "args": ["-e", "S_TOKEN"]},
        {"command": "x", "args": ["-y", "@scope/some-long-package-name@1.2.3"]},
        {"url": "https://x", "bearer_token_env_var": "A_LONG_VARIABLE"},
        {"command": "x", "env": {"S_TOKEN": "${input:token}", "DEBUG": "true"}},
    ],
)
def test_where_none_stands(members: dict[str, Any]) -> None:
    assert list(secrets(evidence(entry(**members)))) == []


def test_a_setting_in_any_spelling_and_not_in_an_environment() -> None:
    content = {"mcpServers": {"s": {"command": "x", "verifyTls": False, "env": {"VERIFY_TLS": "0"}}}}

    assert [leaf.told for leaf in settings(evidence(content), "verify_tls")] == ["mcpServers.s.verifyTls"]


@pytest.mark.parametrize(
    ("value", "says"), [(True, True), ("false", False), ("0", False), (0, False), ("x", None), (None, None)]
)
def test_switches(value: object, says: bool | None) -> None:
    assert truth(value) is says
