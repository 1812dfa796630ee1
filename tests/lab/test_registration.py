"""Dynamic client registration (RFC 7591) and its management (RFC 7592)."""

import time

import pytest

from mcp_vacuum.lab import Lab, LabConfig

from .plain import CALLBACK, Plain, get, post_form, post_json, send


class TestRegister:
    def test_answers_201_with_what_was_registered(self, lab: Lab, plain: Plain) -> None:
        answer = plain.register(client_name="ours")

        assert answer.status == 201
        assert answer.json["redirect_uris"] == [CALLBACK]
        assert answer.json["client_name"] == "ours"
        assert answer.json["token_endpoint_auth_method"] == "none"
        assert "client_secret" not in answer.json
        assert answer.json["registration_access_token"] in lab.issued_client_secrets

    def test_without_a_method_a_secret_is_issued(self, lab: Lab) -> None:
        answer = post_json(f"{lab.issuer}/register", {"redirect_uris": [CALLBACK]})

        assert answer.json["token_endpoint_auth_method"] == "client_secret_basic"
        assert answer.json["client_secret"] in lab.issued_client_secrets
        assert answer.json["client_secret_expires_at"] == 0

    def test_an_unsupported_method_is_replaced(self) -> None:
        with Lab(LabConfig(token_endpoint_auth_methods=("client_secret_post",))) as lab:
            answer = Plain(lab, "any").register(token_endpoint_auth_method="none")

            assert answer.json["token_endpoint_auth_method"] == "client_secret_post"

    @pytest.mark.parametrize(
        "uris",
        [
            [],
            None,
            "x",
            ["http://evil.example/cb"],
            ["javascript:alert(1)"],
            [f"{CALLBACK}#f"],
            [CALLBACK, 7],
        ],
    )
    def test_unsafe_redirect_uris_are_refused(self, plain: Plain, uris: object) -> None:
        assert plain.register(redirect_uris=uris).error == (400, "invalid_redirect_uri")

    def test_a_body_that_is_no_object_is_refused(self, lab: Lab) -> None:
        assert post_json(f"{lab.issuer}/register", ["x"]).error == (400, "invalid_client_metadata")


class TestManage:
    def test_the_holder_of_the_token_may_read_and_delete(self, plain: Plain) -> None:
        registered = plain.register().json
        url, token = registered["registration_client_uri"], registered["registration_access_token"]
        bearer = {"Authorization": f"Bearer {token}"}

        assert get(url, **bearer).json["client_id"] == registered["client_id"]
        assert send("PUT", url, headers=bearer).status == 405
        assert send("DELETE", url, headers=bearer).status == 204
        assert get(url, **bearer).status == 401

    def test_nobody_else_may(self, plain: Plain) -> None:
        registered = plain.register().json
        others = plain.register().json["registration_access_token"]

        assert get(registered["registration_client_uri"]).status == 401
        assert get(registered["registration_client_uri"], Authorization=f"Bearer {others}").status == 401

    def test_a_preregistered_client_cannot_be_managed(self, lab: Lab) -> None:
        lab.add_client("fixed")

        assert get(f"{lab.issuer}/register/fixed", Authorization="Bearer ").status == 401


class TestSecretLifetime:
    def test_an_expired_secret_is_invalid_client(self) -> None:
        with Lab(LabConfig(client_secret_lifetime=0.2)) as lab:
            plain = Plain(lab)
            registered = plain.register(token_endpoint_auth_method="client_secret_post").json
            form = {
                "client_id": registered["client_id"],
                "client_secret": registered["client_secret"],
                "token": "x",
            }
            before = post_form(f"{lab.issuer}/revoke", form).status
            time.sleep(0.25)

            assert registered["client_secret_expires_at"] > 0
            assert before == 200
            assert post_form(f"{lab.issuer}/revoke", form).error == (401, "invalid_client")
