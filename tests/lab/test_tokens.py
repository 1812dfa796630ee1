"""The token endpoint (OAuth 2.1 §3.2, RFC 7636, RFC 8707)."""

import base64

import pytest

from mcp_vacuum.lab import Lab, LabConfig

from .plain import CALLBACK, VERIFIER, Plain, post_form, send


class TestCode:
    def test_brings_a_bearer_token_with_lifetime_scope_and_refresh_token(
        self, lab: Lab, plain: Plain
    ) -> None:
        answer = plain.exchange(plain.code())

        assert answer.headers["cache-control"] == "no-store"
        assert answer.json == {
            "access_token": lab.issued_access_tokens[0],
            "token_type": "Bearer",
            "expires_in": 1800,
            "refresh_token": lab.issued_refresh_tokens[0],
            "scope": "mcp:tools mcp:resources mcp:prompts",
        }

    def test_is_good_once_and_reuse_revokes_what_it_brought(self, plain: Plain) -> None:
        code = plain.code()
        tokens = plain.exchange(code).json

        assert plain.exchange(code).error == (400, "invalid_grant")
        assert plain.call(tokens["access_token"]).status == 401
        assert plain.refresh(tokens["refresh_token"]).error == (400, "invalid_grant")

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            ({"code_verifier": "A" * 43}, "invalid_grant"),
            ({"code_verifier": "short"}, "invalid_request"),
            ({"code_verifier": None}, "invalid_request"),
            ({"redirect_uri": "http://127.0.0.1:10/callback"}, "invalid_grant"),
            ({"resource": None}, "invalid_target"),
            ({"resource": "https://other.example"}, "invalid_target"),
            ({"code": "code-nobody"}, "invalid_grant"),
            ({"grant_type": "password"}, "unsupported_grant_type"),
            ({"grant_type": None}, "invalid_request"),
        ],
    )
    def test_is_refused_when_something_does_not_match(
        self, plain: Plain, changes: dict[str, str | None], error: str
    ) -> None:
        changes = {"code": plain.code(), **changes}

        assert plain.exchange(str(changes.pop("code")), **changes).error == (400, error)

    def test_the_redirect_uri_may_be_left_out(self, plain: Plain) -> None:
        assert plain.exchange(plain.code(), redirect_uri=None).status == 200

    def test_of_one_client_is_nothing_to_another(self, lab: Lab, plain: Plain) -> None:
        code = plain.code()

        assert Plain(lab).exchange(code).error == (400, "invalid_grant")
        assert plain.exchange(code).status == 200

    def test_a_repeated_parameter_is_an_error(self, lab: Lab, plain: Plain) -> None:
        body = f"grant_type=authorization_code&code=a&code=b&client_id={plain.client_id}"
        form = {"Content-Type": "application/x-www-form-urlencoded"}

        assert send("POST", f"{lab.issuer}/token", body.encode(), form).error == (400, "invalid_request")


class TestClientAuthentication:
    @pytest.fixture
    def confidential(self, lab: Lab) -> Plain:
        lab.add_client(
            "id:1", client_secret="s/1+", redirect_uris=[CALLBACK], auth_method="client_secret_basic"
        )
        return Plain(lab, "id:1")

    def exchange(self, plain: Plain, credentials: str, **form: str) -> int:
        basic = base64.b64encode(credentials.encode()).decode()
        base = {"grant_type": "authorization_code", "code": plain.code(), "code_verifier": VERIFIER}
        url = f"{plain.lab.issuer}/token"
        return post_form(
            url, {**base, "resource": plain.lab.resource, **form}, Authorization=f"Basic {basic}"
        ).status

    def test_basic_credentials_are_form_encoded(self, confidential: Plain) -> None:
        assert self.exchange(confidential, "id%3A1:s%2F1%2B") == 200

    def test_a_wrong_secret_is_401_with_a_challenge(self, confidential: Plain) -> None:
        assert self.exchange(confidential, "id%3A1:wrong") == 401

    def test_another_method_than_the_registered_one_is_refused(self, confidential: Plain) -> None:
        answer = confidential.exchange(confidential.code(), client_secret="s/1+")

        assert answer.error == (401, "invalid_client")

    def test_two_methods_at_once_are_refused(self, confidential: Plain) -> None:
        assert self.exchange(confidential, "id%3A1:s%2F1%2B", client_secret="s/1+") == 400

    def test_a_public_client_sends_its_id_and_no_secret(self, plain: Plain) -> None:
        assert plain.exchange(plain.code(), client_secret="x").error == (401, "invalid_client")
        assert plain.exchange(plain.code(), client_id=None).error == (401, "invalid_client")
        assert plain.exchange(plain.code()).status == 200

    def test_a_secret_needs_a_method(self, lab: Lab) -> None:
        with pytest.raises(ValueError, match="do not go together"):
            lab.add_client("x", client_secret="s")


class TestRevoke:
    def test_an_access_token_ends_alone(self, lab: Lab, plain: Plain) -> None:
        tokens = plain.login()
        form = {"token": tokens["access_token"], "client_id": plain.client_id}

        assert post_form(f"{lab.issuer}/revoke", form).status == 200
        assert plain.call(tokens["access_token"]).status == 401
        assert plain.refresh(tokens["refresh_token"]).status == 200

    def test_another_clients_token_stays_good(self, lab: Lab, plain: Plain) -> None:
        tokens, other = plain.login(), Plain(lab)
        for name in ("access_token", "refresh_token"):
            form = {"token": tokens[name], "client_id": other.client_id}

            assert post_form(f"{lab.issuer}/revoke", form).status == 200
        assert plain.call(tokens["access_token"]).status == 200
        assert plain.refresh(tokens["refresh_token"]).status == 200

    def test_an_unknown_token_is_fine_and_an_unknown_client_is_not(self, lab: Lab, plain: Plain) -> None:
        url = f"{lab.issuer}/revoke"

        assert post_form(url, {"token": "x", "client_id": plain.client_id}).status == 200
        assert post_form(url, {"token": "x", "client_id": "nobody"}).error == (401, "invalid_client")


class TestConfig:
    def test_a_login_can_come_without_a_refresh_token(self) -> None:
        with Lab(LabConfig(issue_refresh_token=False)) as lab:
            assert "refresh_token" not in Plain(lab).login(scope="mcp:tools offline_access")

    def test_the_resource_can_be_optional(self) -> None:
        with Lab(LabConfig(require_resource=False)) as lab:
            plain = Plain(lab)
            tokens = plain.exchange(plain.code(resource=None), resource=None).json

            assert plain.call(tokens["access_token"]).status == 200
