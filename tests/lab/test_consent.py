"""The authorization endpoint and its page (OAuth 2.1 §4.1)."""

import re
from html import unescape

import pytest

from mcp_vacuum.lab import Lab, LabConfig, User

from .plain import CALLBACK, Plain, get, post_form


def page_of(plain: Plain) -> tuple[dict[str, str], str]:
    """The form's fields and the cookie of a consent page."""
    answer = get(plain.authorization_url())
    ticket = re.search(r'name="ticket" value="([^"]+)"', answer.body.decode())
    assert ticket
    return {"ticket": unescape(ticket[1]), "decision": "allow"}, answer.headers["set-cookie"].partition(";")[
        0
    ]


class TestAnswer:
    def test_consent_sends_code_state_and_issuer(self, lab: Lab, plain: Plain) -> None:
        params = plain.authorize(state="a state/with+signs")

        assert params == {"code": [lab.issued_codes[0]], "state": ["a state/with+signs"], "iss": [lab.issuer]}

    def test_refusal_sends_access_denied(self, lab: Lab, plain: Plain) -> None:
        plain.user = User("deny")
        params = plain.authorize()

        assert (params["error"], params["state"], params["iss"]) == (["access_denied"], ["xyz"], [lab.issuer])
        assert lab.issued_codes == ()

    def test_iss_can_be_left_out(self) -> None:
        with Lab(LabConfig(iss_parameter=False)) as lab:
            assert "iss" not in Plain(lab).authorize()

    def test_a_query_in_the_redirect_uri_is_kept(self, lab: Lab) -> None:
        lab.add_client("with-query", redirect_uris=[f"{CALLBACK}?a=1"])

        assert Plain(lab, "with-query").authorize(redirect_uri=f"{CALLBACK}?a=1")["a"] == ["1"]


class TestTicket:
    def test_is_good_once(self, lab: Lab, plain: Plain) -> None:
        form, cookie = page_of(plain)
        statuses = [post_form(f"{lab.issuer}/consent", form, Cookie=cookie).status for _ in range(2)]

        assert statuses == [303, 400]

    def test_belongs_to_the_browser_that_was_asked(self, lab: Lab, plain: Plain) -> None:
        form, _ = page_of(plain)
        _, cookie_of_another = page_of(plain)

        assert post_form(f"{lab.issuer}/consent", form, Cookie=cookie_of_another).status == 400
        assert lab.issued_codes == ()


class TestChecks:
    @pytest.mark.parametrize(
        "changes",
        [
            {"client_id": "nobody"},
            {"client_id": None},
            {"redirect_uri": "http://127.0.0.1:9/other"},
            {"redirect_uri": f"{CALLBACK}/"},
            {"redirect_uri": "http://127.0.0.1:10/callback"},
            {"redirect_uri": None},
        ],
    )
    def test_an_unknown_client_or_redirect_gets_a_page_and_no_redirect(
        self, plain: Plain, changes: dict[str, str | None]
    ) -> None:
        answer = get(plain.authorization_url(**changes))

        assert answer.status == 400
        assert "location" not in answer.headers

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            ({"response_type": "token"}, "unsupported_response_type"),
            ({"code_challenge": None}, "invalid_request"),
            ({"code_challenge": "short"}, "invalid_request"),
            ({"code_challenge_method": "plain"}, "invalid_request"),
            ({"code_challenge_method": None}, "invalid_request"),
            ({"resource": None}, "invalid_target"),
            ({"resource": "https://other.example/mcp"}, "invalid_target"),
            ({"scope": "nothing known"}, "invalid_scope"),
        ],
    )
    def test_other_errors_go_back_to_the_client(
        self, plain: Plain, changes: dict[str, str | None], error: str
    ) -> None:
        params = plain.authorize(**changes)

        assert (params["error"], params["state"]) == ([error], ["xyz"])

    def test_a_repeated_parameter_is_an_error(self, plain: Plain) -> None:
        params = plain.user.visit(plain.authorization_url() + "&response_type=code")

        assert "error=invalid_request" in params

    def test_two_resources_are_one_too_many(self, lab: Lab, plain: Plain) -> None:
        url = plain.authorization_url() + f"&resource={lab.resource}"

        assert "error=invalid_target" in plain.user.visit(url)

    def test_any_port_matches_on_loopback_where_the_lab_allows_it(self) -> None:
        with Lab(LabConfig(any_loopback_port=True)) as lab:
            plain = Plain(lab)

            assert get(plain.authorization_url(redirect_uri="http://127.0.0.1:10/callback")).status == 200
            assert get(plain.authorization_url(redirect_uri="http://127.0.0.1:10/other")).status == 400
            assert get(plain.authorization_url(redirect_uri="http://localhost:9/callback")).status == 400


class TestScope:
    def test_without_one_everything_supported_is_granted(self, lab: Lab, plain: Plain) -> None:
        assert plain.login()["scope"].split() == list(lab.config.scopes_supported)

    def test_unknown_scopes_are_left_out(self, plain: Plain) -> None:
        assert plain.login(scope="mcp:tools mcp:moon offline_access")["scope"] == "mcp:tools offline_access"

    def test_the_page_escapes_what_the_client_says(self, lab: Lab, plain: Plain) -> None:
        plain.client_id = plain.register(client_name="<script>alert(1)</script>").json["client_id"]

        assert b"<script>" not in get(plain.authorization_url()).body


class TestErrors:
    """Straight back to a program on this machine, never unasked to a host that anybody can register."""

    def test_a_registered_host_elsewhere_gets_nothing_unasked(self, lab: Lab) -> None:
        lab.add_client("elsewhere", redirect_uris=["https://client.example/cb"])
        url = Plain(lab, "elsewhere").authorization_url(
            redirect_uri="https://client.example/cb", scope="no-such"
        )

        assert (get(url).status, "location" in get(url).headers) == (400, False)
        lab.faults.forwards_errors = True
        assert get(url).headers["location"].startswith("https://client.example/cb?error=invalid_scope")

    def test_nobody_is_let_in_without_a_question(self, lab: Lab, plain: Plain) -> None:
        url = plain.authorization_url(prompt="none")

        assert "error=consent_required" in get(url).headers["location"]
        lab.faults.approves_silently = True
        assert "error=login_required" in get(url).headers["location"]
        plain.authorize()
        assert "code=" in get(url).headers["location"]
