from __future__ import annotations

import subprocess
import sys
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_vacuum.errors import SecurityRefused, UsageError
from mcp_vacuum.safety.url import (
    EndpointUrl,
    authorization_url,
    check_endpoint,
    check_redirect_uri,
    host_of,
    normalise_server_url,
    origin,
    printable,
)

urlish = st.text("htps:/@[]%#?&.-_0127xfaAZ\\ \n\x00é\ud800'\"$(){}|`;<>^~=+,*!", max_size=40)
foreign_urls = st.text() | urlish | urlish.map("https://".__add__) | urlish.map("http://127.0.0.1".__add__)

DISGUISED = [
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0X7F.1",
    "017700000001",
    "0177.0.0.1",
    "012.0.0.1",
    "127.1",
    "127.0.1",
    "127.0.0.1.",
    "2130706433.",
    "0x7f.1.",
    "0x",
    "8.8.8.08",
]
NO_HOSTS = [
    "%31%32%37.0.0.1",
    "127%2e0%2e0%2e1",
    "[::1%25lo]",
    "[fe80::1%25eth0]",
    "[v1.fe80]",
    "$(reboot).example",
    "a;b.example",
    "a'b.example",
    "a&b.example",
    "a,b",
    "a*b",
]


class TestEndpoints:
    """What metadata may name (OAuth 2.1 §1.5)."""

    @pytest.mark.parametrize(
        "url",
        [
            "https://as.example/token",
            "https://as.example:8443/token?tenant=1",
            "https://AS.example/%7Etoken/",
            "https://8.8.8.8/token",
            "https://[2606:4700::1111]/token",
            "http://127.0.0.1:8080/token",
            "http://localhost/token",
            "http://x.localhost/token",
            "http://[::1]:1/token",
            "https://as.example",
            "https://under_score.example/",
        ],
    )
    def test_a_good_one_comes_back_as_it_came(self, url: str) -> None:
        assert check_endpoint(url, "token_endpoint") == url

    @pytest.mark.parametrize(
        ("url", "why"),
        [
            ("http://as.example/token", "is plain http"),
            ("http://10.0.0.1/token", "is plain http"),
            ("http://127.0.0.1.example/token", "is plain http"),
            ("ftp://as.example/", "is not an https URL"),
            ("file:///etc/passwd", "has no host"),
            ("javascript:alert(1)", "has no host"),
            ("data:text/html,x", "has no host"),
            ("//as.example/token", "is not an https URL"),
            ("/token", "has no host"),
            ("", "has no host"),
            ("https://", "has no host"),
            ("https://:443/", "has no host"),
            ("https://user@as.example/", "has a user name"),
            ("https://:secret@as.example/", "has a user name"),
            ("https://@as.example/", "has a user name"),
            ("https://as.example@evil.example/", "has a user name"),
            ("https://as.example/#", "has a fragment"),
            ("https://as.example/token#x", "has a fragment"),
            ("https://as.example:99999/", "Port out of range"),
            ("https://as.example:a/", "Port could not be cast"),
            ("https://[::1/", "Invalid IPv6 URL"),
            ("https://as.example/a b", "a character that no URL may have"),
            ("https://as.example/\r\nX: y", "a character that no URL may have"),
            ("https://as.example\\@evil.example/", "a character that no URL may have"),
            ("https://\u0430s.example/", "a character that no URL may have"),
            ("https://as.example/" + "a" * 8192, "is longer than"),
        ],
    )
    def test_a_bad_one_is_refused_with_the_reason(self, url: str, why: str) -> None:
        with pytest.raises(SecurityRefused, match="token_endpoint") as caught:
            check_endpoint(url, "token_endpoint", spec="RFC 1")

        assert why in caught.value.message
        assert caught.value.spec == "RFC 1"

    @pytest.mark.parametrize("host", DISGUISED)
    @pytest.mark.parametrize("scheme", ["https", "http"])
    def test_an_ip_address_in_disguise_is_refused(self, scheme: str, host: str) -> None:
        with pytest.raises(SecurityRefused, match="disguise"):
            check_endpoint(f"{scheme}://{host}/", "x")

    @pytest.mark.parametrize("host", NO_HOSTS)
    def test_a_host_that_a_resolver_or_a_shell_reads_otherwise_is_refused(self, host: str) -> None:
        with pytest.raises(SecurityRefused, match="a host that is no name"):
            check_endpoint(f"https://{host}/", "x")

    @given(foreign_urls)
    @example("https://[")
    @example("https://h:99999999999999999999/")
    def test_only_security_refused_ever_comes_out(self, url: str) -> None:
        try:
            checked = check_endpoint(url, "x")
        except SecurityRefused as error:
            said = f"{error.message} {error.url}"
        else:
            said = ""
            assert checked == url
            assert host_of(checked)
            assert origin(checked).startswith(("https://", "http://"))
        assert said.isprintable()


class TestServerUrl:
    @pytest.mark.parametrize(
        ("typed", "canonical"),
        [
            ("https://mcp.example", "https://mcp.example"),
            ("https://mcp.example/", "https://mcp.example"),
            ("  https://mcp.example/mcp\n", "https://mcp.example/mcp"),
            ("HTTPS://MCP.Example:443/MCP", "https://mcp.example/MCP"),
            ("https://mcp.example/mcp/", "https://mcp.example/mcp/"),
            ("https://mcp.example/?a=1", "https://mcp.example/?a=1"),
            ("https://mcp.example/mcp#section", "https://mcp.example/mcp"),
            ("https://mcp.example:8443", "https://mcp.example:8443"),
            ("http://localhost:80/mcp", "http://localhost/mcp"),
            ("http://[::1]:8000/mcp", "http://[::1]:8000/mcp"),
        ],
    )
    def test_the_canonical_form(self, typed: str, canonical: str) -> None:
        assert normalise_server_url(typed) == canonical

    @pytest.mark.parametrize("typed", ["mcp.example", "mcp.example/mcp", "mcp.example:8443/mcp"])
    def test_a_forgotten_scheme_is_suggested(self, typed: str) -> None:
        with pytest.raises(UsageError) as caught:
            normalise_server_url(typed)

        assert caught.value.hint == f"did you mean https://{typed} ?"

    @pytest.mark.parametrize(
        "typed",
        [
            "127.0.0.1:8000/mcp",
            "localhost:8000/mcp",
            "localhost",
            "x.localhost/mcp",
            "[::1]:8000/mcp",
        ],
    )
    def test_on_loopback_the_forgotten_scheme_is_http(self, typed: str) -> None:
        with pytest.raises(UsageError, match="has no scheme") as caught:
            normalise_server_url(typed)

        assert caught.value.hint == f"did you mean http://{typed} ?"

    @pytest.mark.parametrize("typed", ["work", "0x7f.1", "mcp.example:99999/mcp", "me@mcp.example/mcp"])
    def test_what_no_scheme_makes_a_url_is_not_suggested(self, typed: str) -> None:
        with pytest.raises(UsageError) as caught:
            normalise_server_url(typed)

        assert "did you mean" not in (caught.value.hint or "")

    @pytest.mark.parametrize(
        "typed", ["", "help me", "ftp://h.example", "https://me@h.example", "https://0x7f.1"]
    )
    def test_what_is_no_server_url_is_a_usage_error(self, typed: str) -> None:
        with pytest.raises(UsageError, match=r"has|is not|writes") as caught:
            normalise_server_url(typed)

        assert caught.value.exit_status == 2

    def test_plain_http_is_refused_for_what_it_is(self) -> None:
        with pytest.raises(SecurityRefused, match="plain http") as caught:
            normalise_server_url("http://mcp.example/mcp")

        assert "did you mean https://mcp.example/mcp ?" in (caught.value.hint or "")

    @given(foreign_urls)
    def test_it_is_its_own_canonical_form(self, typed: str) -> None:
        try:
            once = normalise_server_url(typed)
        except (UsageError, SecurityRefused) as error:
            said = f"{error.message} {error.hint} {error.url}"
        else:
            said = ""
            assert normalise_server_url(once) == once
        assert said.isprintable()


class TestOrigin:
    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("https://H.Example/path?q", "https://h.example"),
            ("https://h.example:443", "https://h.example"),
            ("http://h.example:80", "http://h.example"),
            ("http://h.example:443", "http://h.example:443"),
            ("https://[2001:DB8::1]:8443/", "https://[2001:db8::1]:8443"),
        ],
    )
    def test_scheme_host_and_port(self, url: str, expected: str) -> None:
        assert origin(url) == expected

    def test_the_host_has_no_brackets(self) -> None:
        assert host_of("https://[::1]:8/") == "::1"


SAFE_FOR_A_SHELL = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/?[]@%+,=&")


def rebuilt(endpoint: str, *parameters: tuple[str, str]) -> str:
    return authorization_url(check_endpoint(endpoint, "authorization_endpoint"), parameters)


class TestAuthorizationUrl:
    """What a browser is handed."""

    def test_parameters_are_added_to_the_endpoint(self) -> None:
        assert rebuilt("https://as.example/authorize", ("a", "1"), ("b", "x y&z")) == (
            "https://as.example/authorize?a=1&b=x%20y%26z"
        )

    def test_the_endpoints_own_query_is_kept(self) -> None:
        url = rebuilt("https://as.example/authorize?tenant=a%26b&empty=", ("state", "s"))

        assert parse_qsl(urlsplit(url).query, keep_blank_values=True) == [
            ("tenant", "a&b"),
            ("empty", ""),
            ("state", "s"),
        ]

    @pytest.mark.parametrize("query", ["state=theirs", "a=1&client_id=theirs", "s%74ate=theirs", "state="])
    def test_a_query_that_repeats_a_parameter_of_ours_is_refused(self, query: str) -> None:
        with pytest.raises(SecurityRefused, match="repeats a parameter"):
            rebuilt(f"https://as.example/a?{query}", ("client_id", "c"), ("state", "s"))

    @pytest.mark.parametrize(
        "url", ["https://as.example/a%", "https://as.example/%zz", "https://as.example/?a=%4"]
    )
    def test_a_broken_percent_escape_is_refused(self, url: str) -> None:
        with pytest.raises(SecurityRefused, match="broken percent escape"):
            rebuilt(url)

    def test_percent_action_in_the_path_is_refused(self) -> None:
        # CVE-2026-4786: a placeholder of `webbrowser`; %ac is a legal escape, so the path may hold it.
        with pytest.raises(SecurityRefused, match="%action"):
            rebuilt("https://as.example/%action")

    @pytest.mark.parametrize("endpoint", ["https://as.example/a?x=%action", "https://as.example/a?%action=1"])
    def test_percent_action_in_the_query_is_written_otherwise(self, endpoint: str) -> None:
        assert "%action" not in rebuilt(endpoint, ("client_id", "%action"))

    @pytest.mark.parametrize(
        "endpoint",
        [
            "javascript:alert(1)",
            "file:///etc/passwd",
            "data:text/html,x",
            "vbscript:x",
            "-https://as.example/",
            "--version",
            "%action",
            "ms-settings:x",
            "http://as.example/authorize",
            "https://user:pass@as.example/authorize",
            "https://as.example/authorize\x00",
            "https://as.example/\x1b]0;title\x07",
            "https://as.example/a\nb",
        ],
    )
    def test_a_dangerous_endpoint_never_gets_there(self, endpoint: str) -> None:
        with pytest.raises(SecurityRefused, match="authorization_endpoint"):
            rebuilt(endpoint)

    @pytest.mark.parametrize("bad", ["$(id)", "a;b", "a'b", "a!b", "(a)", "*", "a&b"])
    def test_shell_characters_of_the_path_are_escaped(self, bad: str) -> None:
        url = rebuilt(f"https://as.example/{bad}")

        assert set(url) <= SAFE_FOR_A_SHELL - {"&"}

    @given(foreign_urls, st.text("x%'\"$ &;\n()`é", max_size=20))
    @example("https://$(id)/", "")
    @example("https://h/?'$(id)'=`id`", "`id`")
    def test_whatever_is_rebuilt_starts_with_http_and_holds_no_metacharacter(
        self, url: str, value: str
    ) -> None:
        try:
            ours = rebuilt(url, ("state", value), ("client_id", "-c"))
        except SecurityRefused:
            return
        assert ours.startswith(("https://", "http://"))
        assert set(ours) <= SAFE_FOR_A_SHELL
        assert "%action" not in ours
        assert dict(parse_qsl(urlsplit(ours).query, keep_blank_values=True))["state"] == value
        assert origin(ours) == origin(url)

    def test_a_shell_that_is_handed_it_in_quotes_prints_it(self) -> None:
        url = rebuilt("https://as.example/$(id)?a='", ("state", "`id`"))
        said = subprocess.run(
            ["sh", "-c", f"echo '{url}'"], capture_output=True, text=True, check=True
        ).stdout

        assert said == f"{url}\n"

    def test_a_program_takes_it_as_one_argument(self) -> None:
        url = EndpointUrl(rebuilt("https://as.example/a", ("state", "a b")))
        code = "import sys; print(len(sys.argv), sys.argv[1])"
        said = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, check=True)

        assert said.stdout == f"2 {url}\n"


class TestPrintable:
    @given(st.text())
    def test_no_control_character_reaches_a_terminal(self, text: str) -> None:
        clean = printable(text)

        assert clean.isprintable()
        assert len(clean) <= 301

    @pytest.mark.parametrize("text", ["\x1b[2J", "\r", "\n", "\u202e", "\x9b31m", "\ud800"])
    def test_each_is_replaced(self, text: str) -> None:
        assert printable(text)[0] == "\N{REPLACEMENT CHARACTER}"

    def test_long_text_is_cut(self) -> None:
        assert printable("x" * 300) == "x" * 300
        assert printable("x" * 301) == "x" * 300 + "…"
        assert printable("abc", 2) == "ab…"


class TestRedirectUri:
    @pytest.mark.parametrize(
        "uri", ["https://app.example/callback", "http://localhost:1/c", "http://127.0.0.1/c"]
    )
    def test_https_and_loopback_stay_as_they_are(self, uri: str) -> None:
        assert check_redirect_uri(uri) == uri

    @pytest.mark.parametrize(
        "uri", ["http://app.example/callback", "https://app.example/#x", "x:/callback", ""]
    )
    def test_a_code_comes_back_nowhere_else(self, uri: str) -> None:
        with pytest.raises(SecurityRefused) as caught:
            check_redirect_uri(uri)

        assert caught.value.spec == "MCP authorization, Communication Security"
