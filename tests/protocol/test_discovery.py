from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_vacuum.errors import AnswerLost, DiscoveryError, SecurityRefused, ServerUnavailable, VacuumError
from mcp_vacuum.protocol.discovery import (
    AuthServer,
    Discovery,
    NotRequired,
    discover,
    discover_auth_server,
    probe_server,
    resource_metadata_urls,
    same_but_root_slash,
    server_metadata_urls,
)
from mcp_vacuum.protocol.effects import Effect, HttpRequest, HttpResponse
from mcp_vacuum.safety.limits import MAX_REDIRECTS, METADATA_TIMEOUT
from mcp_vacuum.testing.play import Reply, answers, play, requests

SERVER = "https://mcp.example/mcp"
ISSUER = "https://as.example"
PRM = "https://mcp.example/.well-known/oauth-protected-resource"
ASM = f"{ISSUER}/.well-known/oauth-authorization-server"
OIDC = f"{ISSUER}/.well-known/openid-configuration"


def challenge(text: str = "Bearer", status: int = 401, **more: Any) -> HttpResponse:
    return answers(status, headers={"WWW-Authenticate": text}, body=b"", **more)


def prm(resource: Any = SERVER, servers: Any = (ISSUER,), **members: Any) -> HttpResponse:
    return answers(200, resource=resource, authorization_servers=servers, **members)


def asm(issuer: Any = ISSUER, **members: Any) -> HttpResponse:
    document = {
        "issuer": issuer,
        "authorization_endpoint": "https://as.example/authorize",
        "token_endpoint": "https://as.example/token",
        "code_challenge_methods_supported": ["S256"],
        **members,
    }
    return answers(200, **document)


def took(seconds: float, answer: HttpResponse | None = None) -> HttpResponse:
    return replace(answer or answers(404), took=seconds)


def moved(to: str, status: int = 302) -> HttpResponse:
    return answers(status, headers={"Location": to}, body=b"")


def urls(asked: list[Effect]) -> list[str]:
    return [request.url for request in requests(asked)]


class Recording:
    """Replies that note the requests, for flows that end in an error."""

    def __init__(self, *replies: HttpResponse | Exception) -> None:
        self.asked: list[HttpRequest] = []
        self.replies: list[Reply] = [self._noting(reply) for reply in replies]

    def _noting(self, reply: HttpResponse | Exception) -> Callable[[Effect], Any]:
        def answer(effect: Effect) -> HttpResponse:
            assert isinstance(effect, HttpRequest)
            self.asked.append(effect)
            assert isinstance(reply, HttpResponse)
            return reply

        return answer

    @property
    def urls(self) -> list[str]:
        return [request.url for request in self.asked]


class TestWellKnownUrls:
    """RFC 8414 §3.1, RFC 9728 §3.1, and the order of MCP."""

    @pytest.mark.parametrize("issuer", [ISSUER, f"{ISSUER}/"])
    def test_an_issuer_without_a_path_has_two(self, issuer: str) -> None:
        assert list(server_metadata_urls(issuer)) == [ASM, OIDC]

    @pytest.mark.parametrize("issuer", [f"{ISSUER}/tenant/1", f"{ISSUER}/tenant/1/"])
    def test_an_issuer_with_a_path_has_three(self, issuer: str) -> None:
        assert list(server_metadata_urls(issuer)) == [
            f"{ASM}/tenant/1",
            f"{OIDC}/tenant/1",
            f"{ISSUER}/tenant/1/.well-known/openid-configuration",
        ]

    @pytest.mark.parametrize(
        ("server", "expected"),
        [
            ("https://mcp.example", [PRM]),
            ("https://mcp.example/", [PRM]),
            (SERVER, [f"{PRM}/mcp", PRM]),
            (f"{SERVER}/", [f"{PRM}/mcp/", PRM]),
            ("https://mcp.example/a/b", [f"{PRM}/a/b", PRM]),
            ("https://mcp.example/a?b=c", [f"{PRM}/a?b=c", PRM]),
        ],
    )
    def test_a_resource_has_its_path_form_and_then_the_root(self, server: str, expected: list[str]) -> None:
        assert list(resource_metadata_urls(server, None)) == expected

    def test_the_challenges_hint_comes_first(self) -> None:
        hint = "https://mcp.example/meta"

        assert list(resource_metadata_urls(SERVER, hint)) == [hint, f"{PRM}/mcp", PRM]


class TestProbe:
    def test_a_401_to_get_is_enough(self) -> None:
        asked, probe = play(probe_server(SERVER), challenge('Bearer scope="a"'))

        assert [request.method for request in requests(asked)] == ["GET"]
        assert probe.protected
        assert probe.hints is not None
        assert probe.hints.scope == "a"

    def test_the_body_is_not_read_and_no_token_is_sent(self) -> None:
        asked, _ = play(probe_server(SERVER), challenge())
        request = requests(asked)[0]

        assert request.max_body == 0
        assert {name.lower() for name, _ in request.headers} == {"accept"}

    @pytest.mark.parametrize("status", [400, 404, 405, 406, 302])
    def test_where_get_is_not_served_initialize_is_asked(self, status: int) -> None:
        asked, probe = play(probe_server(SERVER), answers(status, body=b""), challenge())

        assert [request.method for request in requests(asked)] == ["GET", "POST"]
        assert json.loads(requests(asked)[1].body or b"")["method"] == "initialize"
        assert probe.protected

    def test_an_event_stream_needs_no_second_question(self) -> None:
        answer = answers(200, headers={"content-type": "Text/Event-Stream; charset=utf-8"}, body=b"")
        asked, probe = play(probe_server(SERVER), answer)

        assert len(asked) == 1
        assert probe.open

    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_trouble_ends_it(self, status: int) -> None:
        with pytest.raises(ServerUnavailable) as caught:
            play(probe_server(SERVER), answers(status, headers={"retry-after": "7"}))

        assert caught.value.hint == "try again in 7 s"

    @pytest.mark.parametrize("wait", ["", "soon", "-1", "\xb2"])
    def test_a_retry_after_that_is_no_number_is_left_out(self, wait: str) -> None:
        with pytest.raises(ServerUnavailable) as caught:
            play(probe_server(SERVER), answers(503, headers={"retry-after": wait}))

        assert caught.value.hint == "try again later"

    def test_every_line_of_the_header_is_read(self) -> None:
        lines = (("www-authenticate", "Basic"), ("www-authenticate", 'Bearer scope="a"'))
        _, probe = play(probe_server(SERVER), HttpResponse(SERVER, 401, lines, b"", 0.0))

        assert probe.hints is not None
        assert probe.hints.scope == "a"

    def test_a_plain_http_server_is_not_asked(self) -> None:
        with pytest.raises(SecurityRefused, match="plain http"):
            play(probe_server("http://mcp.example"))


class TestDiscover:
    def test_a_server_that_hints_well_costs_three_requests(self) -> None:
        hint = f'Bearer resource_metadata="{PRM}/mcp", scope="a b"'
        asked, found = play(discover(SERVER), challenge(hint), prm(scopes_supported=["a", "b", "c"]), asm())

        assert urls(asked) == [SERVER, f"{PRM}/mcp", ASM]
        assert isinstance(found, Discovery)
        assert (found.resource, found.challenged_scope, found.resource_scopes) == (
            SERVER,
            "a b",
            ("a", "b", "c"),
        )
        assert found.auth_server.issuer == ISSUER

    def test_each_document_has_ten_seconds(self) -> None:
        asked, _ = play(discover(SERVER), challenge(), prm(), asm())

        assert [request.timeout for request in requests(asked)[1:]] == [METADATA_TIMEOUT] * 2

    def test_a_hint_that_is_one_of_the_well_known_urls_is_asked_once(self) -> None:
        hint = f'Bearer resource_metadata="{PRM}/mcp"'
        asked, _ = play(discover(SERVER), challenge(hint), answers(404), prm("https://mcp.example"), asm())

        assert urls(asked)[1:3] == [f"{PRM}/mcp", PRM]

    def test_without_metadata_an_open_server_needs_no_login(self) -> None:
        _, found = play(discover(SERVER), answers(200), answers(200), answers(404), answers(404))

        assert found == NotRequired(SERVER)

    def test_an_object_that_is_no_metadata_makes_an_open_server_no_protected_one(self) -> None:
        said = answers(200, error="not found")
        _, found = play(discover(SERVER), answers(200), answers(200), said, said)

        assert found == NotRequired(SERVER)

    def test_an_open_server_with_metadata_does(self) -> None:
        _, found = play(discover(SERVER), answers(200), answers(200), prm(), asm())

        assert isinstance(found, Discovery)

    @pytest.mark.parametrize(
        ("replies", "why"),
        [
            ([challenge(), answers(404), answers(404)], "publishes no protected resource metadata"),
            ([answers(404), answers(404), answers(404), answers(404)], "looks like no MCP server"),
            ([challenge(), prm(servers=[])], "lists no authorization server"),
            ([challenge(), prm(servers=None)], "lists no authorization server"),
            ([challenge(), prm(), answers(404), answers(404)], "publishes no metadata"),
            ([challenge(), prm(), answers(404), asm(issuer=True)], f"no usable metadata: {OIDC}: issuer: "),
            ([challenge(), prm(), asm(issuer=None), answers(404)], f"no usable metadata: {ASM}: issuer: "),
            ([challenge(), prm(), answers(200, body=b'{"issuer"'), answers(404)], f"{ASM}: not JSON"),
            ([challenge(), prm(), answers(200, body=b"<html>"), answers(404)], "publishes no metadata"),
            ([challenge(), prm(resource=5), answers(404)], f"no usable .* metadata: {PRM}/mcp: resource: "),
            ([challenge(), prm(), asm(token_endpoint=None)], "has no token_endpoint"),
            ([challenge(), prm(), asm(token_endpoint="")], "has no token_endpoint"),
        ],
    )
    def test_what_is_missing_is_named(self, replies: list[HttpResponse], why: str) -> None:
        with pytest.raises(DiscoveryError, match=why):
            play(discover(SERVER), *replies)

    def test_of_two_authorization_servers_the_first_is_taken(self) -> None:
        asked, _ = play(discover(SERVER), challenge(), prm(servers=[ISSUER, "https://other.example"]), asm())

        assert urls(asked)[-1] == ASM

    @pytest.mark.parametrize(
        "hint", ["http://mcp.example/meta", "javascript:x", "https://u@mcp.example/", "x", "https://["]
    )
    def test_a_hint_that_may_not_be_fetched_is_refused(self, hint: str) -> None:
        with pytest.raises(SecurityRefused, match="resource_metadata"):
            play(discover(SERVER), challenge(f'Bearer resource_metadata="{hint}"'))

    @pytest.mark.parametrize(
        "issuer", ["http://as.example", "as.example", "https://0x7f.1", "https://as.example#x"]
    )
    def test_an_issuer_that_may_not_be_asked_is_refused(self, issuer: str) -> None:
        with pytest.raises(SecurityRefused, match="the issuer"):
            play(discover(SERVER), challenge(), prm(servers=[issuer]))


class TestNextOrEnd:
    """DESIGN §10: only 404, 405, 410 and a 200 that is no metadata lead to the next well-known URL."""

    @pytest.mark.parametrize(
        "first",
        [
            answers(404),
            answers(405),
            answers(410),
            answers(200, body=b"<html>"),
            answers(200, body=b""),
            answers(200, hello="world"),
            answers(200, body=b"[]"),
            asm(authorization_endpoint=5),
        ],
    )
    def test_these_lead_on(self, first: HttpResponse) -> None:
        asked, server = play(discover_auth_server(ISSUER), first, asm())

        assert urls(asked) == [ASM, OIDC]
        assert server.issuer == ISSUER

    @pytest.mark.parametrize("status", [201, 204, 304, 400, 401, 403, 406, 418])
    def test_other_statuses_end_it(self, status: int) -> None:
        with pytest.raises(DiscoveryError, match=f"status {status}"):
            play(discover_auth_server(ISSUER), answers(status))

    @pytest.mark.parametrize("status", [429, 500, 502, 503])
    def test_trouble_ends_it_for_now(self, status: int) -> None:
        with pytest.raises(ServerUnavailable, match=f"status {status}"):
            play(discover_auth_server(ISSUER), answers(status))

    @pytest.mark.parametrize(
        "failure",
        [ServerUnavailable("no connection"), AnswerLost("timeout"), SecurityRefused("private address")],
    )
    def test_a_timeout_or_a_refused_address_ends_it(self, failure: VacuumError) -> None:
        with pytest.raises(type(failure)) as caught:
            play(discover_auth_server(ISSUER), failure)

        assert caught.value is failure

    def test_the_deadline_counts_the_first_answer_too(self) -> None:
        replies = Recording(took(10.0), took(10.0))
        with pytest.raises(ServerUnavailable, match="took more than 20 s"):
            play(discover_auth_server(f"{ISSUER}/tenant"), *replies.replies)

        assert len(replies.urls) == 2

    def test_the_time_that_is_left_is_the_timeout_of_the_next(self) -> None:
        asked, _ = play(discover_auth_server(f"{ISSUER}/t"), took(9.0), took(7.0), asm(f"{ISSUER}/t"))

        assert [request.timeout for request in requests(asked)] == [10.0, 10.0, 4.0]

    def test_redirects_are_counted(self) -> None:
        slow = took(9.0, moved("/elsewhere"))
        asked, _ = play(discover_auth_server(ISSUER), slow, slow, asm())

        assert [request.timeout for request in requests(asked)] == [10.0, 10.0, 2.0]

    def test_the_first_answers_are_part_of_it(self) -> None:
        greetings = took(8.0, answers(405)), took(9.0, challenge())
        asked, _ = play(discover(SERVER), *greetings, took(2.0, prm()), asm())

        assert [request.timeout for request in requests(asked)] == [10.0, 10.0, 3.0, 1.0]

    def test_both_documents_share_it(self) -> None:
        asked, _ = play(discover(SERVER), challenge(), took(9.0, prm()), took(9.0), asm())

        assert [request.timeout for request in requests(asked)][1:] == [10.0, 10.0, 2.0]


class TestRedirects:
    """MCP security best practices: metadata on the same origin only, a few."""

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize(
        ("location", "target"),
        [
            ("/elsewhere", f"{ISSUER}/elsewhere"),
            ("elsewhere", f"{ISSUER}/.well-known/elsewhere"),
            (f"{ISSUER}:443/elsewhere", f"{ISSUER}:443/elsewhere"),
            ("https://AS.Example/elsewhere", "https://AS.Example/elsewhere"),
        ],
    )
    def test_on_the_same_origin_they_are_followed(self, status: int, location: str, target: str) -> None:
        asked, server = play(discover_auth_server(ISSUER), moved(location, status), asm())

        assert urls(asked) == [ASM, target]
        assert server.issuer == ISSUER

    @pytest.mark.parametrize(
        "location",
        [
            "https://evil.example/",
            "//evil.example/",
            "http://as.example/",
            "https://as.example:8443/",
            "https://sub.as.example/",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "data:,x",
            "//[",
            "https://[",
            "https://as.example:99999/",
            "https://as.example:x/",
        ],
    )
    def test_to_another_origin_they_are_refused(self, location: str) -> None:
        replies = Recording(moved(location))
        with pytest.raises(SecurityRefused, match="redirects to another origin"):
            play(discover_auth_server(ISSUER), *replies.replies)

        assert replies.urls == [ASM]

    @pytest.mark.parametrize("location", ["https://u@as.example/", "/a#b", "/a b"])
    def test_a_target_that_may_not_be_fetched_is_refused(self, location: str) -> None:
        with pytest.raises(SecurityRefused):
            play(discover_auth_server(ISSUER), moved(location))

    def test_three_are_followed_and_a_fourth_is_not(self) -> None:
        hops = [moved(f"/{number}") for number in range(MAX_REDIRECTS)]
        _, server = play(discover_auth_server(ISSUER), *hops, asm())
        assert server.issuer == ISSUER

        with pytest.raises(SecurityRefused, match="more than 3 times"):
            play(discover_auth_server(ISSUER), *hops, moved("/again"))

    def test_a_redirect_to_nowhere_goes_round_until_it_is_enough(self) -> None:
        with pytest.raises(SecurityRefused, match="more than 3 times"):
            play(discover_auth_server(ISSUER), *[answers(302, body=b"")] * (MAX_REDIRECTS + 1))

    @given(st.text(max_size=30) | st.text("htps:/[]@#?.%as.example0\\", max_size=30))
    @example("http://[")
    @example("//\ud800")
    def test_whatever_location_comes_only_our_errors_come_out(self, location: str) -> None:
        def reply(effect: Effect) -> HttpResponse:
            assert isinstance(effect, HttpRequest)
            assert effect.url.lower().startswith(ISSUER)
            return moved(location)

        with pytest.raises(VacuumError):
            play(discover_auth_server(ISSUER), *[reply] * 4)


class TestIssuer:
    """RFC 8414 §3.3: identical, as raw strings."""

    @pytest.mark.parametrize(
        ("asked", "named"),
        [
            (ISSUER, ISSUER),
            (ISSUER, f"{ISSUER}/"),
            (f"{ISSUER}/", ISSUER),
            (f"{ISSUER}/tenant", f"{ISSUER}/tenant"),
            (f"{ISSUER}/tenant/", f"{ISSUER}/tenant/"),
        ],
    )
    def test_the_servers_own_string_is_the_issuer(self, asked: str, named: str) -> None:
        _, server = play(discover_auth_server(asked), asm(named))

        assert server.issuer == named

    @pytest.mark.parametrize(
        ("asked", "named"),
        [
            (f"{ISSUER}/tenant", f"{ISSUER}/tenant/"),
            (f"{ISSUER}/tenant/", f"{ISSUER}/tenant"),
            (f"{ISSUER}/", f"{ISSUER}//"),
            (ISSUER, "https://AS.example"),
            (ISSUER, f"{ISSUER}:443"),
            (ISSUER, "https://evil.example"),
            (ISSUER, "http://as.example"),
            (ISSUER, ""),
            (f"{ISSUER}/a", f"{ISSUER}/%61"),
            (ISSUER, f"{ISSUER}\x1b[2J"),
        ],
    )
    def test_another_one_is_refused(self, asked: str, named: str) -> None:
        with pytest.raises(SecurityRefused, match="names another issuer") as caught:
            play(discover_auth_server(asked), asm(named))

        assert caught.value.spec == "RFC 8414 §3.3"
        assert caught.value.message.isprintable()

    @pytest.mark.parametrize(
        ("left", "right", "same"),
        [
            ("https://h", "https://h/", True),
            ("https://h:8443/", "https://h:8443", True),
            ("https://h/a", "https://h/a/", False),
            ("https://h?a", "https://h?a/", False),
            ("https://h", "https://h//", False),
            ("https://h", "https://H/", False),
            ("h", "h/", False),
            ("", "/", False),
        ],
    )
    def test_the_quirk_issuer_root_slash_is_for_the_root_only(
        self, left: str, right: str, same: bool
    ) -> None:
        assert same_but_root_slash(left, right) is same
        assert same_but_root_slash(right, left) is same

    @given(st.text(max_size=10), st.text(max_size=10))
    def test_nothing_else_is_the_same(self, left: str, right: str) -> None:
        assert same_but_root_slash(left, left)
        if left.rstrip("/") != right.rstrip("/"):
            assert not same_but_root_slash(left, right)


class TestResource:
    """RFC 9728 §3.3: a document counts only for the resource that it was asked for."""

    @pytest.mark.parametrize("resource", ["https://mcp.example", "https://mcp.example/"])
    def test_from_the_root_well_known_the_origin_is_accepted(self, resource: str) -> None:
        _, found = play(discover(SERVER), challenge(), answers(404), prm(resource), asm())

        assert isinstance(found, Discovery)
        assert found.resource == resource

    @pytest.mark.parametrize(
        "resource",
        [
            "https://mcp.example",
            f"{SERVER}/",
            "https://mcp.example/other",
            "https://MCP.example/mcp",
            "https://evil.example/mcp",
            "http://mcp.example/mcp",
            "https://mcp.example/mcp?x",
            "",
            "https://[",
            "https://mcp.example:99999/mcp",
        ],
    )
    def test_another_one_is_refused(self, resource: str) -> None:
        with pytest.raises(SecurityRefused, match="is for another resource") as caught:
            play(discover(SERVER), challenge(), prm(resource))

        assert caught.value.spec == "RFC 9728 §3.3"

    @pytest.mark.parametrize(
        ("resource", "hinted"), [("https://mcp.example/other", True), ("https://evil.example/mcp", False)]
    )
    def test_only_a_resource_of_the_same_origin_is_suggested(self, resource: str, hinted: bool) -> None:
        with pytest.raises(SecurityRefused) as caught:
            play(discover(SERVER), challenge(), prm(resource))

        assert (caught.value.hint is not None) is hinted

    def test_the_root_slash_is_forgiven_at_the_root_only(self) -> None:
        _, found = play(discover("https://mcp.example"), challenge(), prm("https://mcp.example/"), asm())

        assert isinstance(found, Discovery)
        assert found.resource == "https://mcp.example/"

    def test_a_hint_on_another_origin_cannot_speak_for_the_root(self) -> None:
        hint = 'Bearer resource_metadata="https://evil.example/.well-known/oauth-protected-resource"'
        with pytest.raises(SecurityRefused, match="is for another resource"):
            play(discover(SERVER), challenge(hint), prm("https://mcp.example"))

    def test_the_persons_own_resource_is_the_only_one_accepted(self) -> None:
        _, found = play(discover(SERVER, resource="urn:api"), challenge(), prm("urn:api"), asm())
        assert isinstance(found, Discovery)
        assert found.resource == "urn:api"

        with pytest.raises(SecurityRefused):
            play(discover(SERVER, resource="urn:api"), challenge(), prm(SERVER))


class TestServerMetadata:
    def test_everything_that_a_client_acts_on_is_kept(self) -> None:
        _, server = play(
            discover_auth_server(ISSUER),
            asm(
                registration_endpoint="https://as.example/register",
                revocation_endpoint="https://as.example/revoke",
                introspection_endpoint="https://as.example/introspect",
                device_authorization_endpoint="https://as.example/device",
                scopes_supported=["a"],
                token_endpoint_auth_methods_supported=["none"],
                authorization_response_iss_parameter_supported=True,
                client_id_metadata_document_supported=True,
            ),
        )

        assert server == AuthServer(
            ISSUER,
            server.authorization_endpoint,
            server.token_endpoint,
            server.registration_endpoint,
            server.revocation_endpoint,
            server.introspection_endpoint,
            server.device_authorization_endpoint,
            ("a",),
            ("none",),
            iss_advertised=True,
            metadata_documents=True,
        )
        assert server.registration_endpoint == "https://as.example/register"
        assert server.device_authorization_endpoint == "https://as.example/device"

    @pytest.mark.parametrize("methods", [None, [], ["plain"], ["s256"], "plain"])
    def test_without_s256_it_is_refused(self, methods: Any) -> None:
        with pytest.raises(SecurityRefused, match="does not advertise PKCE with S256") as caught:
            play(discover_auth_server(ISSUER), asm(code_challenge_methods_supported=methods))

        assert "--quirk pkce-unadvertised" in (caught.value.hint or "")

    @pytest.mark.parametrize("methods", [["plain", "S256"], "S256"])
    def test_with_s256_it_is_not(self, methods: Any) -> None:
        assert play(discover_auth_server(ISSUER), asm(code_challenge_methods_supported=methods))[1]

    def test_the_quirk_goes_on_without_the_advertisement(self) -> None:
        flow = discover_auth_server(ISSUER, quirks=("pkce-unadvertised",))

        assert play(flow, asm(code_challenge_methods_supported=None))[1].issuer == ISSUER

    def test_another_quirk_does_not(self) -> None:
        flow = discover_auth_server(ISSUER, quirks=("no-resource",))
        with pytest.raises(SecurityRefused, match="PKCE"):
            play(flow, asm(code_challenge_methods_supported=None))

    @pytest.mark.parametrize(
        "member",
        [
            "authorization_endpoint",
            "token_endpoint",
            "registration_endpoint",
            "revocation_endpoint",
            "introspection_endpoint",
            "device_authorization_endpoint",
        ],
    )
    @pytest.mark.parametrize(
        "url", ["http://as.example/x", "javascript:x", "https://0x7f000001/", "/relative"]
    )
    def test_every_endpoint_has_to_be_https(self, member: str, url: str) -> None:
        with pytest.raises(SecurityRefused, match=member):
            play(discover_auth_server(ISSUER), asm(**{member: url}))

    def test_iss_is_not_expected_where_it_is_not_promised(self) -> None:
        assert play(discover_auth_server(ISSUER), asm())[1].iss_advertised is False


@given(
    st.lists(
        st.tuples(
            st.sampled_from([200, 302, 401, 404, 500]) | st.integers(200, 599),
            st.binary(max_size=30) | st.sampled_from([prm().body, asm().body, prm(SERVER, ["\x00"]).body]),
            st.text(st.characters(max_codepoint=255), max_size=20),
        ),
        min_size=1,
        max_size=9,
    )
)
def test_whatever_servers_answer_only_our_errors_come_out(given: list[tuple[int, bytes, str]]) -> None:
    def answer(turn: int) -> HttpResponse:
        status, body, header = given[turn % len(given)]
        headers = {"www-authenticate": f"Bearer {header}", "retry-after": header, "location": header}
        return answers(status, body=body, headers=headers)

    flow, turn, said = discover(SERVER), 0, ""
    try:
        next(flow)
        while turn < 30:
            flow.send(answer(turn))
            turn += 1
    except StopIteration as done:
        said = type(done.value).__name__
    except VacuumError as error:
        said = error.message
    assert said.isprintable()
    assert turn < 30, "discovery asks for ever"
