"""What looks like a secret, and what only looks so."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.spotting import is_reference, plain, shapes_in, some, spot
from tests.audit.machine import jwt

RANDOM = "kZ0wq3Xn7Vb1Tt5Lr9Pd"


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("access_token", RANDOM, "access token"),
        ("accessToken", RANDOM, "access token"),
        ("CLIENT_SECRET", RANDOM, "client secret"),
        ("client-secret", "changeme", "client secret"),
        ("GITHUB_TOKEN", RANDOM, "token"),
        ("SOME_API_KEY", RANDOM, "API key"),
        ("X-Api-Key", RANDOM, "API key"),
        ("GITHUB_PAT", RANDOM, "token"),
        ("Authorization", f"Bearer {RANDOM}", "token"),
        ("Authorization", f"Bearer {'gh' + 'p_' + 'a1B2' * 9}", "GitHub token"),
        ("anything", "sk-" + "ant-" + RANDOM, "API key"),
        ("url", f"https://me:{RANDOM}@mcp.example/mcp", "password in a URL"),
    ],
)
def test_secrets(name: str, value: str, kind: str) -> None:
    found = spot(name, value)

    assert found is not None
    assert found.kind == kind
    assert found.value in value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("access_token", "${TOKEN}"),
        ("Authorization", "Bearer ${input:token}"),
        ("Authorization", "Bearer ${env:TOKEN}"),
        ("Authorization", "Bearer <your token>"),
        ("Authorization", "Bearer YOUR_TOKEN_HERE"),
        ("API_KEY", "$MY_API_TOKEN"),
        ("API_KEY", "{env:MY_KEY}"),
        ("API_KEY", "op://vault/item/field"),
        ("API_KEY", "your-api-key-here"),
        ("S_TOKEN", "changeme-please"),
        ("TOKEN_FILE", "/run/secrets/token"),
        ("S_TOKEN", "/run/secrets/token"),
        ("token_type", "Bearer"),
        ("token_endpoint", "https://as.example/token"),
        ("MAX_TOKEN", "100000000"),
        ("bearer_token_env_var", "MY_LONG_TOKEN_NAME"),
        ("args", "@modelcontextprotocol/server-filesystem"),
        ("compat", "an-older-version"),
        ("S_TOKEN", "`pass show token`"),
        ("access_token", ""),
        ("url", "https://mcp.example/mcp"),
    ],
)
def test_no_secrets(name: str, value: str) -> None:
    assert spot(name, value) is None


def test_a_name_of_oauth_says_what_it_is_and_a_header_what_is_in_it() -> None:
    token = jwt()

    assert (spot("access_token", token) or (None,))[0] == "access token"
    assert (spot("Authorization", f"Bearer {token}") or (None,))[0] == "JWT"


def test_a_name_that_only_ends_so_is_not_sure() -> None:
    by_name, by_shape = spot("S_TOKEN", RANDOM), spot("S_TOKEN", "glpat-" + RANDOM)

    assert by_name is not None
    assert not by_name.sure
    assert by_shape is not None
    assert by_shape.sure


def test_shapes_stand_alone() -> None:
    token = "gh" + "o_" + "a1B2" * 9

    assert [(kind, at) for kind, _, at in shapes_in(f"x {token}")] == [("GitHub token", 2)]
    assert list(shapes_in(f"path/{token} and x{token}")) == []


def test_spellings_are_one() -> None:
    assert plain("client_secret") == plain("clientSecret") == plain("CLIENT-SECRET")


def test_references() -> None:
    assert is_reference("Bearer ${TOKEN}")
    assert not is_reference(RANDOM)


@pytest.mark.parametrize(
    ("kind", "count", "words"),
    [
        ("access token", 1, "an access token"),
        ("JWT", 1, "a JWT"),
        ("ID token", 2, "2 ID tokens"),
        ("API key", 1, "an API key"),
    ],
)
def test_words(kind: str, count: int, words: str) -> None:
    assert some(kind, count) == words
