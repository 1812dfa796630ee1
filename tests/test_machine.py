"""Machine logins against the laboratory: what is sent, what is kept, what is final."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey

from mcp_vacuum.errors import (
    AliasTaken,
    AuthenticationError,
    DiscoveryError,
    OAuthError,
    ServerUnavailable,
    UsageError,
    VacuumError,
)
from mcp_vacuum.lab import Lab, LabConfig
from mcp_vacuum.machine import GrantOptions, grant_blocking
from mcp_vacuum.models import ClientCredentials, Credential
from mcp_vacuum.protocol import grants
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.access import ACCESS_TOKENS
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.tokens.renewal import Renewal, route_of_record
from mcp_vacuum.tokens.source import LoginTokens
from mcp_vacuum.tokens.stored import login_tokens
from tests.company import SERVER, company, outside
from tests.helpers import log_in

KEY = generate_private_key(SECP256R1())
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
PRIVATE = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
EVERYTHING = LabConfig(
    grants=("client_credentials", grants.JWT_BEARER, grants.TOKEN_EXCHANGE),
    trusted_key=PUBLIC,
    token_endpoint_auth_methods=("client_secret_basic",),
    dpop=True,
)
SVC = ClientCredentials(client_id="svc", client_secret=Secret("svc-secret"))


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(EVERYTHING) as lab:
        lab.add_client("svc", client_secret="svc-secret", auth_method="client_secret_basic")
        yield lab


def assertion(lab: Lab, **changes: Any) -> str:
    claims = {"iss": "idp", "sub": "job", "aud": lab.issuer, "exp": time.time() + 60, **changes}
    return jwt.encode({"alg": "ES256"}, claims, ECKey.import_key(PRIVATE))


def options(kind: str, lab: Lab, **changes: Any) -> GrantOptions:
    more: dict[str, Any] = {"grant": kind, "client": SVC, **changes}
    if kind in ("jwt_bearer", "token_exchange") and "token_from" not in more:
        more.setdefault("subject_token", Secret(assertion(lab)))
    if kind == "token_exchange":
        more.setdefault("token_type", "urn:ietf:params:oauth:token-type:jwt")
    return GrantOptions(**more)


def get(lab: Lab, store: CredentialStore, kind: str = "client_credentials", **changes: Any) -> Credential:
    return grant_blocking(lab.mcp_url, options(kind, lab, **changes), store=store)


def refused(work: Any) -> VacuumError:
    with pytest.raises(VacuumError) as caught:
        work()
    return caught.value


def tokens_of(store: CredentialStore, kept: Credential) -> LoginTokens:
    """As a new process has them: the record alone."""
    ACCESS_TOKENS.forget((store.location, kept.server, kept.account))
    return login_tokens(store, kept)


KINDS = ("client_credentials", "jwt_bearer", "token_exchange")


@pytest.mark.parametrize("kind", KINDS)
class TestGrant:
    def test_one_request_and_a_bound_record(self, lab: Lab, store: CredentialStore, kind: str) -> None:
        kept = get(lab, store, kind)
        (asked,) = lab.recorder.to("/token")

        assert asked.form["grant_type"] == (
            {
                "client_credentials": "client_credentials",
                "jwt_bearer": grants.JWT_BEARER,
                "token_exchange": grants.TOKEN_EXCHANGE,
            }[kind],
        )
        assert asked.form["resource"] == (lab.resource,)
        assert (kept.grant, kept.issuer, kept.resource) == (kind, lab.issuer, lab.resource)
        assert kept.refresh_token is None
        assert store.get(lab.mcp_url) == kept

    def test_a_new_process_asks_again_in_the_same_way(
        self, lab: Lab, store: CredentialStore, kind: str
    ) -> None:
        kept = get(lab, store, kind)
        held = tokens_of(store, kept).obtain()
        first, second = lab.recorder.to("/token")

        assert held.token.access_token == lab.issued_access_tokens[-1]
        assert first.form["grant_type"] == second.form["grant_type"]
        assert held.generation == kept.generation + 1

    def test_with_a_key_the_token_is_bound(self, lab: Lab, store: CredentialStore, kind: str) -> None:
        kept = get(lab, store, kind, dpop=True)
        held = tokens_of(store, kept).obtain()

        assert kept.dpop_key is not None
        assert held.token.token_type == "DPoP"

    @pytest.mark.parametrize("error", ["invalid_grant", "unauthorized_client", "invalid_scope"])
    def test_an_error_is_final(self, lab: Lab, store: CredentialStore, kind: str, error: str) -> None:
        lab.faults.token_error = error
        refusal = refused(lambda: get(lab, store, kind))

        assert isinstance(refusal, OAuthError)
        assert (refusal.error, refusal.spec) == (error, "RFC 6749 §5.2")
        assert len(lab.recorder.to("/token")) == 1
        assert lab.recorder.to("/authorize") == ()
        assert store.logins() == []

    def test_trouble_is_not_tried_again(self, lab: Lab, store: CredentialStore, kind: str) -> None:
        lab.faults.token_status = 503

        assert isinstance(refused(lambda: get(lab, store, kind)), ServerUnavailable)
        assert len(lab.recorder.to("/token")) == 1

    def test_a_renewal_that_fails_clears_nothing(self, lab: Lab, store: CredentialStore, kind: str) -> None:
        kept = get(lab, store, kind)
        lab.faults.token_error = "invalid_grant"

        assert isinstance(refused(tokens_of(store, kept).obtain), OAuthError)
        assert store.get(lab.mcp_url) == kept


class TestRules:
    def test_an_unknown_grant(self, lab: Lab, store: CredentialStore) -> None:
        error = refused(lambda: get(lab, store, "password"))

        assert (type(error), error.spec) == (UsageError, "RFC 6749 §4.5")
        assert lab.recorder.requests == ()

    def test_a_grant_that_the_server_does_not_offer(self, store: CredentialStore) -> None:
        with Lab() as lab:
            error = refused(lambda: get(lab, store))

            assert (type(error), error.spec) == (DiscoveryError, "RFC 8414 §2")
            assert lab.recorder.to("/token") == ()

    @pytest.mark.parametrize(
        "client", [None, ClientCredentials(client_id="svc")], ids=["no client", "no secret"]
    )
    def test_client_credentials_needs_a_confidential_client(
        self, lab: Lab, store: CredentialStore, client: ClientCredentials | None
    ) -> None:
        assert isinstance(refused(lambda: get(lab, store, client=client)), UsageError)
        assert lab.recorder.requests == ()

    @pytest.mark.parametrize("kind", ["jwt_bearer", "token_exchange", "id_jag"])
    def test_a_grant_without_a_token_to_show(self, lab: Lab, store: CredentialStore, kind: str) -> None:
        without = GrantOptions(grant=kind, client=SVC)

        assert isinstance(refused(lambda: grant_blocking(lab.mcp_url, without, store=store)), UsageError)

    def test_id_jag_needs_an_identity_provider(self, lab: Lab, store: CredentialStore) -> None:
        assert isinstance(refused(lambda: get(lab, store, "id_jag", token_from="env:X")), UsageError)

    @pytest.mark.parametrize(
        ("changes", "spec"),
        [
            ({"exp": 1}, "RFC 7523 §3 (4)"),
            ({"nbf": 2**40}, "RFC 7523 §3 (5)"),
            ({"aud": "https://other.example"}, "RFC 7523 §3 (3)"),
        ],
    )
    def test_an_assertion_that_is_of_no_use_is_not_sent(
        self, lab: Lab, store: CredentialStore, changes: dict[str, Any], spec: str
    ) -> None:
        token = Secret(assertion(lab, **changes))
        error = refused(lambda: get(lab, store, "jwt_bearer", subject_token=token))

        assert (type(error), error.spec) == (AuthenticationError, spec)
        assert lab.recorder.to("/token") == ()

    def test_an_assertion_of_another_key_is_the_servers_to_refuse(
        self, lab: Lab, store: CredentialStore
    ) -> None:
        other = ECKey.generate_key("P-256")
        forged = jwt.encode({"alg": "ES256"}, {"aud": lab.issuer, "exp": time.time() + 60}, other)
        error = refused(lambda: get(lab, store, "jwt_bearer", subject_token=Secret(forged)))

        assert isinstance(error, OAuthError)
        assert error.error == "invalid_grant"

    def test_a_wrong_secret(self, lab: Lab, store: CredentialStore) -> None:
        wrong = replace(SVC, client_secret=Secret("wrong"))
        error = refused(lambda: get(lab, store, client=wrong))

        assert isinstance(error, OAuthError)
        assert error.error == "invalid_client"

    def test_a_server_that_needs_no_login(self, store: CredentialStore) -> None:
        with Lab(LabConfig(require_login=False)) as lab:
            assert isinstance(refused(lambda: get(lab, store)), DiscoveryError)


class TestKept:
    def test_a_name(self, lab: Lab, store: CredentialStore) -> None:
        grant_blocking(lab.mcp_url, options("client_credentials", lab), store=store, name="nightly")
        found = store.find("nightly")

        assert found is not None
        assert found.grant == "client_credentials"

    def test_a_name_that_is_taken_is_found_before_anything_is_sent(
        self, lab: Lab, store: CredentialStore
    ) -> None:
        grant_blocking(lab.mcp_url, options("client_credentials", lab), store=store, name="nightly")
        lab.recorder.clear()
        again = options("client_credentials", lab, account="other")
        error = refused(lambda: grant_blocking(lab.mcp_url, again, store=store, name="nightly"))

        assert isinstance(error, AliasTaken)
        assert lab.recorder.requests == ()

    def test_again_under_the_same_name_takes_its_place(self, lab: Lab, store: CredentialStore) -> None:
        for kind in ("client_credentials", "jwt_bearer"):
            grant_blocking(lab.mcp_url, options(kind, lab), store=store, name="nightly")

        assert [(login.alias, login.grant) for login in store.logins()] == [("nightly", "jwt_bearer")]

    def test_a_persons_login_is_not_replaced(self, store: CredentialStore) -> None:
        """It has a refresh token that only the person could have again."""
        config = replace(EVERYTHING, token_endpoint_auth_methods=("none", "client_secret_basic"))
        with Lab(config) as lab:
            lab.add_client("svc", client_secret="svc-secret", auth_method="client_secret_basic")
            before = log_in(lab, store).credential
            error = refused(lambda: get(lab, store))
            beside = get(lab, store, account="machine")

            assert isinstance(error, UsageError)
            assert "--account" in (error.hint or "")
            assert store.get(lab.mcp_url) == before
            assert beside.account == "machine"

    def test_a_source_is_read_anew_for_each_token(
        self, lab: Lab, store: CredentialStore, tmp_path: Path
    ) -> None:
        path = tmp_path / "token"
        path.write_text(assertion(lab, jti="1"))
        kept = get(lab, store, "jwt_bearer", token_from=f"file:{path}")
        path.write_text(assertion(lab, jti="2"))
        tokens_of(store, kept).obtain()
        sent = [asked.form["assertion"][0] for asked in lab.recorder.to("/token")]

        assert sent[0] != sent[1] == path.read_text()

    def test_the_way_to_the_token_endpoint_is_kept(
        self, store: CredentialStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        outside(monkeypatch)
        with company(tmp_path) as inside:
            with monkeypatch.context() as shell:
                inside.in_environment(shell)
                wanted = GrantOptions(grant="client_credentials", client=SVC)
                kept = grant_blocking(SERVER, wanted, store=store)
            renewal = Renewal(store, SERVER, "default", rejected=kept.generation, route=route_of_record)
            again = renewal.run()

            assert route_of_record(kept) == inside.route
            assert (again.generation, inside.grants) == (2, ["client_credentials"] * 2)

    def test_neither_a_secret_nor_a_token_is_in_the_clear(self, lab: Lab, store: CredentialStore) -> None:
        kept = get(lab, store, "jwt_bearer")
        shown = repr(kept) + json.dumps([str(row) for row in store.index()])

        assert "svc-secret" not in shown
        assert lab.issued_access_tokens[-1] not in shown
        assert lab.recorder.to("/token")[0].form["assertion"][0] not in shown
