"""OAuth2Client and DynamicClientRegistration."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import HttpUrl

from mcp_vacuum.client import DynamicClientRegistration, OAuth2Client
from mcp_vacuum.errors import (
    AuthenticationError,
    LoginDeclined,
    OAuthError,
    RegistrationError,
    SecurityRefused,
    ServerUnavailable,
    UsageError,
)
from mcp_vacuum.lab import ABSENT, Lab, LabConfig, User
from mcp_vacuum.models import Binding, ClientCredentials, MCPServerInfo, OAuth2Token

REDIRECT = "http://127.0.0.1:9/callback"


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        lab.add_client("mine", redirect_uris=[REDIRECT])
        yield lab


def client_of(lab: Lab, **changes: Any) -> OAuth2Client:
    settings: dict[str, Any] = {
        "client_id": "mine",
        "token_endpoint": f"{lab.issuer}/token",
        "authorization_endpoint": f"{lab.issuer}/authorize",
        "redirect_uri": REDIRECT,
        "scope": "mcp:tools",
        "issuer": lab.issuer,
        "resource": lab.resource,
        "revocation_endpoint": f"{lab.issuer}/revoke",
        "iss_required": True,
    }
    return OAuth2Client(**{**settings, **changes})


def token_of(client: OAuth2Client, user: User | None = None) -> OAuth2Token:
    request = client.authorization_request()
    return asyncio.run(client.exchange((user or User()).visit(request.url), request))


class TestSettings:
    def test_nothing_is_opened(self, lab: Lab) -> None:
        client_of(lab).authorization_request()

        assert lab.recorder.requests == ()

    @pytest.mark.parametrize("member", ["token_endpoint", "authorization_endpoint"])
    @pytest.mark.parametrize(
        "url", ["http://as.example/x", "ftp://as.example", "https://u:p@as.example/", "x"]
    )
    def test_an_endpoint_has_to_be_https(self, lab: Lab, member: str, url: str) -> None:
        with pytest.raises(SecurityRefused) as caught:
            client_of(lab, **{member: url})

        assert member in str(caught.value)

    def test_a_pydantic_url_is_turned_into_text(self, lab: Lab) -> None:
        client = client_of(lab, token_endpoint=HttpUrl(f"{lab.issuer}/token"), issuer=lab.issuer)

        assert client.token_endpoint == f"{lab.issuer}/token"
        assert type(client.token_endpoint) is str

    def test_the_binding_is_all_four_values(self, lab: Lab) -> None:
        assert client_of(lab).binding == Binding(f"{lab.issuer}/token", "mine", lab.issuer, lab.resource)

    def test_a_secret_is_not_shown(self, lab: Lab) -> None:
        client = client_of(lab, client_secret="s3cret-of-mine")

        assert client.credentials.token_endpoint_auth_method == "client_secret_basic"
        assert "s3cret" not in repr(vars(client))

    def test_an_unknown_method_is_a_usage_error(self, lab: Lab) -> None:
        with pytest.raises(UsageError):
            client_of(lab, token_endpoint_auth_method="private_key_jwt")


class TestAuthorizationRequest:
    def test_pkce_state_and_resource(self, lab: Lab) -> None:
        request = client_of(lab).authorization_request()
        query = parse_qs(urlsplit(request.url).query)
        digest = hashlib.sha256(request.verifier.reveal().encode()).digest()

        assert query["code_challenge"] == [base64.urlsafe_b64encode(digest).rstrip(b"=").decode()]
        assert query["code_challenge_method"] == ["S256"]
        assert query["state"] == [request.state.reveal()]
        assert query["resource"] == [lab.resource]
        assert query["redirect_uri"] == [REDIRECT]
        assert query["scope"] == ["mcp:tools"]

    def test_each_is_fresh(self, lab: Lab) -> None:
        first, second = (client_of(lab).authorization_request() for _ in range(2))

        assert first.state != second.state
        assert first.verifier != second.verifier

    def test_its_repr_shows_no_secret(self, lab: Lab) -> None:
        request = client_of(lab).authorization_request()

        assert request.verifier.reveal() not in repr(request)

    def test_no_scope_and_no_resource(self, lab: Lab) -> None:
        query = parse_qs(
            urlsplit(client_of(lab, scope=None, resource=None).authorization_request().url).query
        )

        assert {"scope", "resource"} & set(query) == set()


class TestExchange:
    def test_a_token_is_bound_to_its_client(self, lab: Lab) -> None:
        client = client_of(lab)
        token = token_of(client)

        assert token.access_token == lab.issued_access_tokens[-1]
        assert (token.binding, token.scope) == (client.binding, "mcp:tools")

    @pytest.mark.parametrize("fault", ["wrong_state", "wrong_iss", "missing_iss", "duplicate_code"])
    def test_a_wrong_answer_sends_no_code(self, lab: Lab, fault: str) -> None:
        setattr(lab.faults, fault, True)
        with pytest.raises(SecurityRefused):
            token_of(client_of(lab))

        assert lab.recorder.to("/token") == ()

    def test_an_answer_to_another_request_is_refused(self, lab: Lab) -> None:
        client = client_of(lab)
        first, second = client.authorization_request(), client.authorization_request()
        with pytest.raises(SecurityRefused):
            asyncio.run(client.exchange(User().visit(first.url), second))

    def test_declined(self, lab: Lab) -> None:
        with pytest.raises(LoginDeclined):
            token_of(client_of(lab), User("deny"))

    def test_a_missing_scope_is_the_one_that_was_asked_for(self, lab: Lab) -> None:
        lab.faults.token_override = {"scope": ABSENT}

        assert token_of(client_of(lab)).scope == "mcp:tools"

    @pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
    def test_a_confidential_client(self, lab: Lab, method: str) -> None:
        secret = "odd: secret+with/signs=&%"
        lab.add_client("conf", client_secret=secret, redirect_uris=[REDIRECT], auth_method=method)
        changes = {"client_id": "conf", "client_secret": secret, "token_endpoint_auth_method": method}

        assert token_of(client_of(lab, **changes)).access_token


class TestRefresh:
    def test_what_is_left_out_is_kept(self, lab: Lab) -> None:
        client = client_of(lab)
        token = token_of(client)
        lab.faults.omit_rotated_refresh_token = True
        lab.faults.token_override = {"scope": ABSENT}
        renewed = asyncio.run(client.refresh(token))

        assert renewed.access_token != token.access_token
        assert (renewed.refresh_token, renewed.scope) == (token.refresh_token, token.scope)

    def test_without_a_refresh_token(self, lab: Lab) -> None:
        with pytest.raises(AuthenticationError):
            asyncio.run(client_of(lab).refresh(OAuth2Token("at")))

        assert lab.recorder.requests == ()

    def test_another_clients_token_is_not_sent(self, lab: Lab) -> None:
        token = token_of(client_of(lab))
        lab.recorder.clear()
        with Lab() as other, pytest.raises(AuthenticationError, match="another client"):
            asyncio.run(client_of(other).refresh(token))

        assert lab.recorder.requests == ()

    def test_the_servers_word_comes_as_it_is(self, lab: Lab) -> None:
        client = client_of(lab)
        token = token_of(client)
        lab.revoke_everything()
        with pytest.raises(OAuthError) as caught:
            asyncio.run(client.refresh(token))

        assert caught.value.error == "invalid_grant"
        assert token.refresh_token is not None
        assert token.refresh_token not in str(caught.value)

    def test_try_later(self, lab: Lab) -> None:
        client = client_of(lab)
        token = token_of(client)
        lab.faults.token_status = 503
        with pytest.raises(ServerUnavailable):
            asyncio.run(client.refresh(token))


class TestRevoke:
    def test_the_refresh_token_if_there_is_one(self, lab: Lab) -> None:
        client = client_of(lab)
        token = token_of(client)
        assert asyncio.run(client.revoke(token)) is None
        (request,) = lab.recorder.to("/revoke")

        assert request.form["token"] == (token.refresh_token,)
        assert request.form["token_type_hint"] == ("refresh_token",)

    def test_else_the_access_token(self, lab: Lab) -> None:
        client = client_of(lab)
        token = replace(token_of(client), refresh_token=None)
        asyncio.run(client.revoke(token))
        (request,) = lab.recorder.to("/revoke")

        assert request.form["token"] == (token.access_token,)
        assert request.form["token_type_hint"] == ("access_token",)

    def test_a_refusal_is_told(self, lab: Lab) -> None:
        client = client_of(lab)
        token = token_of(client)
        lab.faults.revoke_status = 400

        assert asyncio.run(client.revoke(token))

    def test_without_an_endpoint(self, lab: Lab) -> None:
        client = client_of(lab, revocation_endpoint=None)
        with pytest.raises(UsageError):
            asyncio.run(client.revoke(OAuth2Token("at")))


INFO = MCPServerInfo("my server", "https://mcp.example/mcp")


def registered(lab: Lab, info: MCPServerInfo = INFO, **changes: Any) -> ClientCredentials:
    register = DynamicClientRegistration().register_client
    return asyncio.run(register(f"{lab.issuer}/register", info, **changes))


class TestRegistration:
    def test_what_is_asked_for(self, lab: Lab) -> None:
        credentials = registered(lab)
        (request,) = lab.recorder.to("/register")

        assert isinstance(request.json, dict)
        assert {name: value for name, value in request.json.items() if name != "client_uri"} == {
            "client_name": "MCP Vacuum - my server",
            "redirect_uris": ["http://127.0.0.1/callback"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "application_type": "native",
            "scope": "mcp:tools mcp:resources mcp:prompts",
        }
        assert credentials.client_id.startswith("client-")
        assert (credentials.registration, credentials.client_secret) == ("dynamic", None)

    def test_the_servers_scopes_and_the_callers_redirect_uris(self, lab: Lab) -> None:
        info = replace(INFO, scopes=("a", "b"))
        credentials = registered(lab, info, redirect_uris=(REDIRECT, "http://localhost/callback"))
        (request,) = lab.recorder.to("/register")

        assert isinstance(request.json, dict)
        assert request.json["scope"] == "a b"
        assert credentials.redirect_uris == (REDIRECT, "http://localhost/callback")

    @pytest.mark.parametrize("status", [200 + 99, 302, 400, 401, 403, 404])
    def test_any_other_answer_is_an_error(self, lab: Lab, status: int) -> None:
        lab.faults.registration_status = status
        with pytest.raises(RegistrationError):
            registered(lab)

    def test_html_is_no_registration(self, lab: Lab) -> None:
        lab.faults.registration_html = True
        with pytest.raises(RegistrationError):
            registered(lab)

    def test_the_answer_is_the_truth(self) -> None:
        with Lab(LabConfig(token_endpoint_auth_methods=("client_secret_post",))) as lab:
            credentials = registered(lab)

        assert credentials.token_endpoint_auth_method == "client_secret_post"
        assert credentials.client_secret == lab.issued_client_secrets[0]
        assert lab.issued_client_secrets[0] not in repr(credentials)
        assert lab.issued_client_secrets[1] not in repr(credentials)

    def test_a_server_that_is_down(self) -> None:
        with Lab() as lab:
            pass
        with pytest.raises(ServerUnavailable):
            registered(lab)
