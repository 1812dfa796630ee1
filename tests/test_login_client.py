"""As which client a login is made: each way to come by one, and what is remembered of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mcp_vacuum.drivers.aio import Person
from mcp_vacuum.drivers.loopback import LoopbackListener
from mcp_vacuum.errors import (
    OAuthError,
    RegistrationError,
    SecurityRefused,
    ServerUnavailable,
    UsageError,
)
from mcp_vacuum.lab import ABSENT, Faults, Lab, LabConfig
from mcp_vacuum.login import LoginOptions, login_blocking
from mcp_vacuum.models import ClientCredentials
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.credentials import CredentialStore
from tests.helpers import AGREES, log_in
from tests.people import Steps, free_port, nobody, pasting, polite_browser, record, taken


class TestRegistration:
    @pytest.mark.parametrize("kind", ["pasted", "browser"])
    def test_it_is_kept_with_its_port(self, lab: Lab, store: CredentialStore, kind: str) -> None:
        ways = pasting(None) if kind == "pasted" else polite_browser
        log_in(lab, store, ways=ways)
        again = pasting(None) if kind == "pasted" else polite_browser
        log_in(lab, store, ways=again, account="another")
        first, second = lab.recorder.to("/authorize")

        assert first.query["redirect_uri"] == second.query["redirect_uri"]
        assert first.query["client_id"] == second.query["client_id"]
        assert len(lab.recorder.to("/register")) == 1

    def test_a_busy_port_registers_anew(self, lab: Lab, store: CredentialStore) -> None:
        log_in(lab, store)
        steps = Steps()
        with taken(record(store, lab).redirect_uri):
            login_blocking(lab.mcp_url, LoginOptions(account="two"), store=store, ways=AGREES, progress=steps)

        assert len(lab.recorder.to("/register")) == 2
        assert "port_in_use" in steps
        assert [each.account for each in store.logins()] == ["default", "two"]

    def test_a_port_that_is_asked_for_registers_anew(self, lab: Lab, store: CredentialStore) -> None:
        log_in(lab, store)
        steps, port = Steps(), free_port()
        options = LoginOptions(account="two", callback_port=port)
        login_blocking(lab.mcp_url, options, store=store, ways=AGREES, progress=steps)
        _, second = lab.recorder.to("/authorize")

        assert second.query["redirect_uri"] == (f"http://127.0.0.1:{port}/callback",)
        assert len(lab.recorder.to("/register")) == 2
        assert "port_given" in steps

    def test_the_remembered_port_may_be_asked_for(self, lab: Lab, store: CredentialStore) -> None:
        port = free_port()
        for account in ("default", "two"):
            log_in(lab, store, ways=polite_browser, account=account, callback_port=port)

        assert len(lab.recorder.to("/register")) == 1

    def test_the_first_login_goes_on_with_its_own_client(self, lab: Lab, store: CredentialStore) -> None:
        """A second registration at the issuer does not change whose refresh token the first one is."""
        from mcp_vacuum.storage.access import ACCESS_TOKENS

        log_in(lab, store)
        with taken(record(store, lab).redirect_uri):
            log_in(lab, store, account="two")
        ACCESS_TOKENS.forget((store.location, lab.mcp_url, "default"))

        assert log_in(lab, store, ways=nobody).outcome == "still_valid"

    def test_the_answer_decides_how_the_client_authenticates(self, store: CredentialStore) -> None:
        with Lab(LabConfig(token_endpoint_auth_methods=("client_secret_basic",))) as lab:
            log_in(lab, store)
            client = record(store, lab).client

            assert client is not None
            assert client.client_secret == lab.issued_client_secrets[0]
            assert lab.recorder.to("/token")[0].headers["authorization"].startswith("Basic ")

    def test_an_expired_secret_registers_anew(self, store: CredentialStore) -> None:
        config = LabConfig(token_endpoint_auth_methods=("client_secret_post",), client_secret_lifetime=30)
        with Lab(config) as lab:
            log_in(lab, store)
            log_in(lab, store, account="two")

            assert len(lab.recorder.to("/register")) == 2

    def test_a_client_that_the_server_forgot_is_forgotten_here_too(
        self, lab: Lab, store: CredentialStore
    ) -> None:
        log_in(lab, store)

        def forgetful(listener: LoopbackListener, timeout: float) -> Person:
            person = AGREES(listener, timeout)

            class Visit:
                def visit(self, authorize: Any) -> str:
                    url = person.visit(authorize)
                    lab.forget_clients()
                    return url

            return Visit()

        with pytest.raises(OAuthError) as caught:
            log_in(lab, store, ways=forgetful, account="two")
        assert "log in again" in (caught.value.hint or "")
        assert store.registration(lab.issuer) is None
        log_in(lab, store, account="two")

        assert store.registration(lab.issuer) is not None

    def test_a_changed_redirect_uri_is_refused(self, lab: Lab, store: CredentialStore) -> None:
        lab.faults.registration_changes_redirect = True
        with pytest.raises(RegistrationError, match="redirect"):
            log_in(lab, store, ways=nobody)

        assert store.registration(lab.issuer) is None

    @pytest.mark.parametrize(
        "switch",
        [
            lambda faults: setattr(faults, "registration_status", 403),
            lambda faults: setattr(faults, "registration_error", "invalid_client_metadata"),
            lambda faults: setattr(faults, "registration_html", True),
            lambda faults: setattr(faults, "registration_override", {"client_id": ABSENT}),
        ],
        ids=["403", "error", "html", "no client_id"],
    )
    def test_a_refusal_frees_the_port_and_stores_nothing(
        self, lab: Lab, store: CredentialStore, switch: Callable[[Faults], None]
    ) -> None:
        switch(lab.faults)
        port = free_port()
        with pytest.raises(RegistrationError):
            log_in(lab, store, ways=nobody, callback_port=port)

        assert (store.logins(), store.registration(lab.issuer)) == ([], None)
        LoopbackListener(port=port).close()

    def test_without_registration_the_operator_is_named(self, store: CredentialStore) -> None:
        with Lab(LabConfig(dcr=False)) as lab, pytest.raises(RegistrationError) as caught:
            log_in(lab, store, ways=nobody)

        assert "--client-id" in (caught.value.hint or "")


class TestPreregistered:
    CLIENT = ClientCredentials(client_id="mine")

    def test_it_is_used_and_remembered(self, store: CredentialStore) -> None:
        with Lab(LabConfig(dcr=False, any_loopback_port=True)) as lab:
            lab.add_client("mine")
            log_in(lab, store, client=self.CLIENT)
            lab.revoke_everything()
            log_in(lab, store, force=True)
            client = record(store, lab).client

            assert client is not None
            assert (client.client_id, client.registration) == ("mine", "preregistered")
            assert lab.recorder.to("/register") == ()

    @pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
    def test_a_secret_is_sent_as_the_server_lists_it(self, store: CredentialStore, method: str) -> None:
        config = LabConfig(any_loopback_port=True, token_endpoint_auth_methods=(method,))
        with Lab(config) as lab:
            lab.add_client("mine", client_secret="secret-of-mine", auth_method=method)
            log_in(lab, store, client=replace(self.CLIENT, client_secret=Secret("secret-of-mine")))

            assert record(store, lab).generation == 1

    def test_an_exact_redirect_uri(self, lab: Lab, store: CredentialStore) -> None:
        uri = f"http://localhost:{free_port()}/callback"
        lab.add_client("mine", redirect_uris=[uri])
        log_in(lab, store, client=self.CLIENT, redirect_uri=uri)

        assert lab.recorder.to("/authorize")[0].query["redirect_uri"] == (uri,)

    def test_a_port_that_is_asked_for_takes_the_place_of_the_remembered_one(
        self, store: CredentialStore
    ) -> None:
        with Lab(LabConfig(any_loopback_port=True)) as lab:
            lab.add_client("mine", redirect_uris=["http://localhost/back"])
            uri, port = f"http://localhost:{free_port()}/back", free_port()
            log_in(lab, store, client=self.CLIENT, redirect_uri=uri)
            log_in(lab, store, force=True, callback_port=port)
            _, asked = lab.recorder.to("/authorize")

            assert asked.query["redirect_uri"] == (f"http://localhost:{port}/back",)

    def test_a_redirect_uri_without_a_port_gets_the_one_that_is_asked_for(
        self, lab: Lab, store: CredentialStore
    ) -> None:
        port = free_port()
        log_in(lab, store, redirect_uri="http://localhost/callback", callback_port=port)

        assert record(store, lab).redirect_uri == f"http://localhost:{port}/callback"

    def test_a_busy_port_is_an_error_because_the_uri_names_it(self, lab: Lab, store: CredentialStore) -> None:
        uri = f"http://127.0.0.1:{free_port()}/callback"
        lab.add_client("mine", redirect_uris=[uri])
        with taken(uri), pytest.raises(ServerUnavailable, match="cannot be used for the callback"):
            log_in(lab, store, client=self.CLIENT, redirect_uri=uri, ways=nobody)

    @pytest.mark.parametrize(
        "uri", ["https://example.com/callback", "http://192.0.2.1:8123/callback", "myapp:/cb", "nonsense"]
    )
    def test_a_redirect_uri_beyond_loopback_is_refused(
        self, lab: Lab, store: CredentialStore, uri: str
    ) -> None:
        with pytest.raises(UsageError):
            log_in(lab, store, client=self.CLIENT, redirect_uri=uri, ways=nobody)

    def test_another_client_is_another_login(self, store: CredentialStore) -> None:
        with Lab(LabConfig(any_loopback_port=True)) as lab:
            log_in(lab, store)
            lab.add_client("mine")
            result = log_in(lab, store, client=self.CLIENT)
            client = record(store, lab).client

            assert client is not None
            assert (result.outcome, client.client_id) == ("new", "mine")

    def test_a_pre_registered_client_of_another_issuer_is_an_error(
        self, lab: Lab, store: CredentialStore
    ) -> None:
        foreign = ClientCredentials(client_id="mine", issuer="https://another.example")
        with pytest.raises(RegistrationError, match="is registered at"):
            log_in(lab, store, client=foreign)
        assert lab.recorder.to("/register") == ()
        assert lab.recorder.to("/authorize") == ()


class TestMetadataDocument:
    def test_its_url_is_the_client_id_where_the_server_takes_them(self, store: CredentialStore) -> None:
        with Lab(LabConfig(cimd=True, any_loopback_port=True)) as lab:
            url = lab.serve_client_metadata()
            log_in(lab, store, client_metadata_url=url)
            client = record(store, lab).client

            assert client is not None
            assert (client.client_id, client.registration) == (url, "metadata_document")
            assert lab.recorder.to("/register") == ()

    def test_elsewhere_the_client_is_registered(self, lab: Lab, store: CredentialStore) -> None:
        log_in(lab, store, client_metadata_url="http://127.0.0.1:9/client.json")
        client = record(store, lab).client

        assert client is not None
        assert client.registration == "dynamic"

    def test_it_is_refreshed_like_any_other(self, store: CredentialStore) -> None:
        from mcp_vacuum.storage.access import ACCESS_TOKENS

        with Lab(LabConfig(cimd=True, any_loopback_port=True)) as lab:
            log_in(lab, store, client_metadata_url=lab.serve_client_metadata())
            ACCESS_TOKENS.forget((store.location, lab.mcp_url, "default"))

            assert log_in(lab, store, ways=nobody).outcome == "still_valid"

    @pytest.mark.parametrize("url", ["https://app.example", "https://app.example/"])
    def test_a_url_without_a_path_is_refused_before_anything_is_sent(
        self, lab: Lab, store: CredentialStore, url: str
    ) -> None:
        with pytest.raises(UsageError):
            log_in(lab, store, client_metadata_url=url)
        assert lab.recorder.requests == ()

    def test_a_url_that_is_not_https_is_refused(self, lab: Lab, store: CredentialStore) -> None:
        with pytest.raises(SecurityRefused):
            log_in(lab, store, client_metadata_url="http://app.example/client.json")
