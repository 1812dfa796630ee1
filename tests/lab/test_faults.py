"""Each fault does what it says, and only while it is on."""

import dataclasses
import socket
import time
from dataclasses import replace
from http.client import HTTPException, IncompleteRead
from urllib.parse import urlencode, urlsplit

import pytest

from mcp_vacuum.lab import ABSENT, Faults, Lab
from mcp_vacuum.lab.messages import App, Request, Response

from .plain import CALLBACK, Answer, Plain, get, post_form

OAUTH = "/.well-known/oauth-authorization-server"


def metadata(lab: Lab) -> Answer:
    return get(lab.issuer + OAUTH)


def resource_metadata(lab: Lab) -> Answer:
    return get(lab.mcp_url.replace("/mcp", "/.well-known/oauth-protected-resource/mcp"))


class TestSwitches:
    def test_all_are_off_by_default_and_after_clear(self) -> None:
        faults = Faults(token_status=500, hostile_text="x", token_times=3, metadata_override={"a": 1})
        faults.clear()

        assert faults == Faults()
        assert not any(
            getattr(faults, field.name)
            for field in dataclasses.fields(faults)
            if field.init and field.name != "token_error_status"
        )

    def test_they_work_while_the_lab_runs(self, lab: Lab) -> None:
        statuses = [metadata(lab).status]
        lab.faults.metadata_status = 503
        statuses.append(metadata(lab).status)
        lab.faults.clear()
        statuses.append(metadata(lab).status)

        assert statuses == [200, 503, 200]

    def test_token_times_counts_down_and_switches_off(self, lab: Lab, plain: Plain) -> None:
        token = plain.login()["refresh_token"]
        lab.faults.token_status, lab.faults.retry_after, lab.faults.token_times = 503, 7, 2
        answers = [plain.refresh(token) for _ in range(3)]

        assert [answer.status for answer in answers] == [503, 503, 200]
        assert answers[0].headers["retry-after"] == "7"
        assert lab.faults == Faults(retry_after=7)

    def test_token_times_waits_for_a_fault(self, lab: Lab, plain: Plain) -> None:
        lab.faults.token_times = 1
        token = plain.login()["refresh_token"]
        lab.faults.token_error = "server_error"

        assert [plain.refresh(token).status for _ in range(2)] == [400, 200]


class TestMetadata:
    def test_html(self, lab: Lab) -> None:
        lab.faults.metadata_html = True
        answer = metadata(lab)

        assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")

    def test_redirect(self, lab: Lab) -> None:
        lab.faults.metadata_redirect = "http://169.254.169.254/latest"
        answer = metadata(lab)

        assert (answer.status, answer.headers["location"]) == (302, "http://169.254.169.254/latest")

    def test_big(self, lab: Lab) -> None:
        lab.faults.big_metadata = 3_000_000

        assert len(metadata(lab).body) > 3_000_000
        assert metadata(lab).json["issuer"] == lab.issuer

    def test_slow(self, lab: Lab) -> None:
        lab.faults.slow_metadata = 0.2
        before = time.monotonic()

        assert metadata(lab).status == 200
        assert time.monotonic() - before >= 0.2

    def test_wrong_issuer(self, lab: Lab) -> None:
        lab.faults.wrong_issuer = "https://attacker.example"

        assert metadata(lab).json["issuer"] == "https://attacker.example"

    def test_no_pkce_advertised(self, lab: Lab) -> None:
        lab.faults.no_pkce_advertised = True

        assert "code_challenge_methods_supported" not in metadata(lab).json

    def test_pkce_plain_only(self, lab: Lab) -> None:
        lab.faults.pkce_plain_only = True

        assert metadata(lab).json["code_challenge_methods_supported"] == ["plain"]

    def test_override_replaces_and_drops(self, lab: Lab) -> None:
        lab.faults.metadata_override = {
            "authorization_endpoint": "javascript:alert(1)",
            "token_endpoint": ABSENT,
        }
        document = metadata(lab).json

        assert document["authorization_endpoint"] == "javascript:alert(1)"
        assert "token_endpoint" not in document


class TestResourceMetadata:
    def test_status(self, lab: Lab) -> None:
        lab.faults.resource_metadata_status = 404

        assert resource_metadata(lab).status == 404

    def test_html(self, lab: Lab) -> None:
        lab.faults.resource_metadata_html = True

        assert resource_metadata(lab).body.startswith(b"<!doctype html>")

    def test_redirect(self, lab: Lab) -> None:
        lab.faults.resource_metadata_redirect = "https://attacker.example/prm"

        assert resource_metadata(lab).headers["location"] == "https://attacker.example/prm"

    def test_big_and_slow(self, lab: Lab) -> None:
        lab.faults.big_resource_metadata, lab.faults.slow_resource_metadata = 2_000_000, 0.2
        before = time.monotonic()

        assert len(resource_metadata(lab).body) > 2_000_000
        assert time.monotonic() - before >= 0.2

    def test_no_authorization_servers(self, lab: Lab) -> None:
        lab.faults.no_authorization_servers = True

        assert "authorization_servers" not in resource_metadata(lab).json

    def test_wrong_resource(self, lab: Lab) -> None:
        lab.faults.wrong_resource = "https://attacker.example/mcp"

        assert resource_metadata(lab).json["resource"] == "https://attacker.example/mcp"

    def test_override(self, lab: Lab) -> None:
        lab.faults.resource_metadata_override = {"authorization_servers": ["https://attacker.example"]}

        assert resource_metadata(lab).json["authorization_servers"] == ["https://attacker.example"]


class TestRegistration:
    def test_status(self, lab: Lab, plain: Plain) -> None:
        lab.faults.registration_status = 500

        assert plain.register().status == 500

    def test_error(self, lab: Lab, plain: Plain) -> None:
        lab.faults.registration_error = "invalid_software_statement"

        assert plain.register().error == (400, "invalid_software_statement")

    def test_html(self, lab: Lab, plain: Plain) -> None:
        lab.faults.registration_html = True

        assert plain.register().body.startswith(b"<!doctype html>")

    def test_changed_redirect_is_what_is_registered(self, lab: Lab, plain: Plain) -> None:
        lab.faults.registration_changes_redirect = True
        registered = plain.register().json
        changed = Plain(lab, registered["client_id"])

        assert registered["redirect_uris"] != [CALLBACK]
        assert get(changed.authorization_url()).status == 400
        assert get(changed.authorization_url(redirect_uri=registered["redirect_uris"][0])).status == 200

    def test_override(self, lab: Lab, plain: Plain) -> None:
        lab.faults.registration_override = {"token_endpoint_auth_method": "private_key_jwt"}

        assert plain.register().json["token_endpoint_auth_method"] == "private_key_jwt"


class TestAuthorizationResponse:
    def test_error_comes_without_a_consent_page(self, lab: Lab, plain: Plain) -> None:
        lab.faults.authorize_error = "temporarily_unavailable"

        assert plain.authorize()["error"] == ["temporarily_unavailable"]
        assert not lab.recorder.to("/consent")

    @pytest.mark.parametrize(
        ("fault", "issuer"), [(True, "https://attacker.example"), ("https://e.example", "https://e.example")]
    )
    def test_wrong_iss(self, lab: Lab, plain: Plain, fault: bool | str, issuer: str) -> None:
        lab.faults.wrong_iss = fault

        assert plain.authorize()["iss"] == [issuer]

    def test_missing_iss_is_still_promised(self, lab: Lab, plain: Plain) -> None:
        lab.faults.missing_iss = True

        assert "iss" not in plain.authorize()
        assert metadata(lab).json["authorization_response_iss_parameter_supported"] is True

    def test_wrong_state(self, lab: Lab, plain: Plain) -> None:
        lab.faults.wrong_state = True

        assert plain.authorize(state="mine")["state"] not in (["mine"], [])

    def test_duplicate_code(self, lab: Lab, plain: Plain) -> None:
        lab.faults.duplicate_code = True
        codes = plain.authorize()["code"]

        assert len(set(codes)) == 2
        assert codes[0] == lab.issued_codes[0]

    def test_override_repeats_and_drops(self, lab: Lab, plain: Plain) -> None:
        lab.faults.callback_override = {"iss": ("a", "b"), "state": ()}
        params = plain.authorize()

        assert params["iss"] == ["a", "b"]
        assert "state" not in params


class TestToken:
    def test_errors_use_nothing_up(self, lab: Lab, plain: Plain) -> None:
        token = plain.login()["refresh_token"]
        lab.faults.token_error, lab.faults.token_error_status = "invalid_grant", 401
        refused = plain.refresh(token)
        lab.faults.clear()

        assert refused.error == (401, "invalid_grant")
        assert plain.refresh(token).status == 200

    def test_html_uses_nothing_up(self, lab: Lab, plain: Plain) -> None:
        token = plain.login()["refresh_token"]
        lab.faults.token_html, lab.faults.token_times = True, 1

        assert plain.refresh(token).headers["content-type"].startswith("text/html")
        assert plain.refresh(token).status == 200

    def test_delay(self, lab: Lab, plain: Plain) -> None:
        token = plain.login()["refresh_token"]
        lab.faults.token_delay = 0.2
        before = time.monotonic()

        assert plain.refresh(token).status == 200
        assert time.monotonic() - before >= 0.2

    def test_reset_before_uses_nothing_up(self, lab: Lab, plain: Plain) -> None:
        token = plain.login()["refresh_token"]
        lab.faults.token_reset_before, lab.faults.token_times = True, 1
        with pytest.raises(ConnectionResetError):
            plain.refresh(token)

        assert lab.recorder.to("/token")[-1].status == 0
        assert len(lab.issued_refresh_tokens) == 1
        assert plain.refresh(token).status == 200

    def test_reset_after_loses_the_reply_of_a_rotation(self, lab: Lab, plain: Plain) -> None:
        token = plain.login()["refresh_token"]
        lab.faults.token_reset_after, lab.faults.token_times = True, 1
        with pytest.raises(ConnectionResetError):
            plain.refresh(token)

        assert len(lab.issued_refresh_tokens) == 2
        assert plain.refresh(token).error == (400, "invalid_grant")
        assert lab.reuse_detected == 1

    def test_half_body_loses_it_too(self, lab: Lab, plain: Plain) -> None:
        token = plain.login()["refresh_token"]
        lab.faults.token_half_body, lab.faults.token_times = True, 1
        with pytest.raises(IncompleteRead) as caught:
            plain.refresh(token)

        assert len(caught.value.partial) > 0
        assert isinstance(caught.value, HTTPException)
        assert len(lab.issued_refresh_tokens) == 2

    def test_twice_sends_the_whole_answer_two_times(self, lab: Lab, plain: Plain) -> None:
        token = plain.login()["refresh_token"]
        lab.faults.token_twice, lab.faults.token_times = True, 1
        form = {"grant_type": "refresh_token", "refresh_token": token, "resource": lab.resource}
        body = urlencode({**form, "client_id": plain.client_id}).encode()
        address = urlsplit(lab.issuer)
        with socket.create_connection((address.hostname, address.port), 10) as connection:
            connection.sendall(
                b"POST /token HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n"
                b"Content-Type: application/x-www-form-urlencoded\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
            )
            received = connection.makefile("rb").read()

        assert received.count(b"HTTP/1.1 200") == 2
        assert received.count(lab.issued_refresh_tokens[-1].encode()) == 2
        assert len(lab.issued_refresh_tokens) == 2

    def test_a_content_length_that_is_too_long(self, lab: Lab, plain: Plain) -> None:
        token = plain.login()["refresh_token"]
        lab.faults.token_content_length, lab.faults.token_times = 10, 1
        with pytest.raises(IncompleteRead):
            plain.refresh(token)

        assert len(lab.issued_refresh_tokens) == 2

    def test_a_content_length_that_is_too_short(self, lab: Lab, plain: Plain) -> None:
        token = plain.login()["refresh_token"]
        lab.faults.token_content_length, lab.faults.token_times = -10, 1
        cut = plain.refresh(token).body

        assert cut.startswith(b"{")
        assert not cut.endswith(b"}")
        assert len(lab.issued_refresh_tokens) == 2

    def test_token_type(self, lab: Lab, plain: Plain) -> None:
        lab.faults.token_type = "mac"

        assert plain.login()["token_type"] == "mac"

    @pytest.mark.parametrize("value", ["3600", 0, -1, 1.5, True, [], 10**30])
    def test_expires_in_is_any_value(self, lab: Lab, plain: Plain, value: object) -> None:
        lab.faults.expires_in = value

        assert plain.login()["expires_in"] == value

    def test_expires_in_can_be_absent(self, lab: Lab, plain: Plain) -> None:
        lab.faults.expires_in = "absent"

        assert "expires_in" not in plain.login()

    def test_no_refresh_token(self, lab: Lab, plain: Plain) -> None:
        lab.faults.no_refresh_token = True

        assert "refresh_token" not in plain.login()
        assert lab.issued_refresh_tokens == ()

    def test_an_omitted_refresh_token_means_that_the_old_one_stays(self, lab: Lab, plain: Plain) -> None:
        token = plain.login()["refresh_token"]
        lab.faults.omit_rotated_refresh_token = True
        answers = [plain.refresh(token) for _ in range(2)]

        assert [answer.status for answer in answers] == [200, 200]
        assert "refresh_token" not in answers[0].json

    def test_override(self, lab: Lab, plain: Plain) -> None:
        lab.faults.token_override = {"access_token": ABSENT, "expires_in": None, "id_token": "x.y.z"}
        tokens = plain.login()

        assert "access_token" not in tokens
        assert tokens["expires_in"] is None
        assert tokens["id_token"] == "x.y.z"


class TestRevoke:
    def test_status_revokes_nothing(self, lab: Lab, plain: Plain) -> None:
        token = plain.login()["refresh_token"]
        lab.faults.revoke_status = 503
        form = {"token": token, "client_id": plain.client_id}

        assert post_form(f"{lab.issuer}/revoke", form).status == 503
        assert plain.refresh(token).status == 200


class TestMcp:
    def test_always_401(self, lab: Lab, plain: Plain) -> None:
        token = plain.login()["access_token"]
        lab.faults.mcp_always_401 = True
        answer = plain.call(token)

        assert answer.status == 401
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]

    def test_insufficient_scope_ends_with_a_step_up(self, lab: Lab, plain: Plain) -> None:
        token = plain.login()["access_token"]
        lab.faults.mcp_insufficient_scope = "mcp:admin"
        refused = plain.call(token)
        stepped_up = plain.login(scope="mcp:tools mcp:admin")["access_token"]

        assert refused.status == 403
        assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]
        assert 'scope="mcp:admin"' in refused.headers["www-authenticate"]
        assert plain.call(stepped_up).status == 200

    def test_insufficient_scope_can_last_for_ever(self, lab: Lab, plain: Plain) -> None:
        lab.faults.mcp_insufficient_scope = "mcp:never"

        assert plain.call(plain.login(scope="mcp:tools mcp:never")["access_token"]).status == 403

    def test_status_html_and_redirect_come_before_the_token(self, lab: Lab, plain: Plain) -> None:
        lab.faults.mcp_status = 502
        status = plain.call(None).status
        lab.faults.clear()
        lab.faults.mcp_html = True
        page = plain.call(None)
        lab.faults.clear()
        lab.faults.mcp_redirect = "http://127.0.0.1:9/elsewhere"
        moved = plain.call(None)

        assert status == 502
        assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert (moved.status, moved.headers["location"]) == (307, "http://127.0.0.1:9/elsewhere")

    def test_challenge_is_replaced(self, lab: Lab, plain: Plain) -> None:
        lab.faults.challenge = ('Basic realm="x"',)

        assert plain.call(None).headers["www-authenticate"] == 'Basic realm="x"'


class TestHostileText:
    TEXT = "\x1b[31m<script>\r\nSet-Cookie: a=b"

    def test_is_everywhere_a_client_might_print_it(self, lab: Lab, plain: Plain) -> None:
        token = plain.login()["access_token"]
        lab.faults.hostile_text = self.TEXT
        refused = plain.refresh("rt-unknown")
        unauthorized = plain.call(None)
        tools = plain.call(token).json["result"]["tools"]

        assert refused.json["error_description"] == self.TEXT
        assert plain.authorize(response_type="x")["error_description"] == [self.TEXT]
        assert plain.register().json["client_name"] == self.TEXT
        assert tools[-1]["name"] == self.TEXT
        assert unauthorized.json["error_description"] == self.TEXT
        assert "set-cookie" not in unauthorized.headers


class TestAround:
    def test_it_stands_before_both_servers(self, lab: Lab) -> None:
        paths = []

        def around(request: Request, app: App) -> Response:
            paths.append(request.path)
            return replace(app(request), status=418)

        lab.faults.around = around

        assert [metadata(lab).status, resource_metadata(lab).status] == [418, 418]
        assert paths == [OAUTH, "/.well-known/oauth-protected-resource/mcp"]
