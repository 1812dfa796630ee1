"""mcp_vacuum.sync: the same class names, blocking. A parity test keeps both faces alike."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mcp_vacuum
from mcp_vacuum import sync
from mcp_vacuum.lab import Lab, User
from mcp_vacuum.login import login, login_blocking
from mcp_vacuum.storage.opening import memory_store

CLASSES = ["DynamicClientRegistration", "OAuth2Client", "SecureTokenStorage", "TokenManager"]


def public_methods(cls: type) -> dict[str, Callable[..., Any]]:
    found = inspect.getmembers(cls, inspect.isfunction)
    return {name: function for name, function in found if not name.startswith("_")}


def shape(function: Callable[..., Any]) -> list[tuple[str, object, object]]:
    parameters = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default) for p in parameters]


def test_these_are_all() -> None:
    assert sorted(sync.__all__) == [*CLASSES, "login"]


@pytest.mark.parametrize("name", CLASSES)
class TestParity:
    def test_the_same_public_methods(self, name: str) -> None:
        assert sorted(public_methods(getattr(sync, name))) == sorted(
            public_methods(getattr(mcp_vacuum, name))
        )

    def test_the_same_parameters(self, name: str) -> None:
        twin, original = getattr(sync, name), getattr(mcp_vacuum, name)
        methods = public_methods(original)

        assert shape(twin.__init__) == shape(original.__init__)
        assert {m: shape(f) for m, f in public_methods(twin).items()} == {
            m: shape(f) for m, f in methods.items()
        }

    def test_the_same_results(self, name: str) -> None:
        twin, original = getattr(sync, name), getattr(mcp_vacuum, name)
        results = {m: inspect.signature(f).return_annotation for m, f in public_methods(original).items()}

        assert {m: inspect.signature(f).return_annotation for m, f in public_methods(twin).items()} == results

    def test_here_nothing_is_a_coroutine_and_there_something_is(self, name: str) -> None:
        twin, original = getattr(sync, name), getattr(mcp_vacuum, name)

        assert not any(inspect.iscoroutinefunction(f) for f in public_methods(twin).values())
        assert any(inspect.iscoroutinefunction(f) for f in public_methods(original).values())


def test_login_has_the_same_parameters() -> None:
    assert sync.login is login_blocking
    assert shape(login) == shape(login_blocking)


def test_the_blocking_story(lab: Lab, tmp_path: Path) -> None:
    redirect = "http://127.0.0.1:9/callback"
    info = mcp_vacuum.MCPServerInfo("lab", lab.mcp_url)
    registered = sync.DynamicClientRegistration().register_client(
        f"{lab.issuer}/register", info, redirect_uris=(redirect,)
    )
    storage = sync.SecureTokenStorage(store=memory_store())
    client = sync.OAuth2Client(
        registered.client_id,
        f"{lab.issuer}/token",
        f"{lab.issuer}/authorize",
        redirect,
        "mcp:tools",
        issuer=lab.issuer,
        resource=lab.resource,
        revocation_endpoint=f"{lab.issuer}/revoke",
    )
    request = client.authorization_request()
    token = client.exchange(User().visit(request.url), request)
    storage.store_token("lab", token)

    assert storage.get_token("lab") == token
    assert sync.TokenManager(client, storage).get_valid_token("lab") == token
    renewed = client.refresh(token)
    assert renewed.access_token != token.access_token
    assert client.revoke(renewed) is None
    storage.delete_token("lab")
    assert storage.get_token("lab") is None
