"""What the environment says about the way to a server, and what is kept and shown of it."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from mcp_vacuum.drivers.route import Route, proxy_address, proxy_source, route_to
from mcp_vacuum.errors import UsageError
from mcp_vacuum.safety.secret import Secret

from .wire import self_signed

PASSWORD = "proxy-password-0123456789"
PROXY = Secret(f"http://me:{PASSWORD}@proxy.example:3128")


class TestProxyOfTheEnvironment:
    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "app.localhost", "[::1]"])
    def test_never_one_for_loopback(self, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://proxy.example:3128")

        assert Route.from_environment(f"http://{host}:8000/") == Route()
        assert Route.from_environment(f"https://{host}:8000/") == Route()

    @pytest.mark.parametrize(
        ("environment", "proxy"),
        [
            ({}, None),
            ({"HTTPS_PROXY": "http://a"}, "http://a"),
            ({"https_proxy": "http://a"}, "http://a"),
            ({"HTTP_PROXY": "http://a"}, None),
            ({"ALL_PROXY": "http://a"}, "http://a"),
            ({"HTTPS_PROXY": "http://a", "ALL_PROXY": "http://b"}, "http://a"),
            ({"HTTPS_PROXY": "http://a", "NO_PROXY": "as.example"}, None),
            ({"HTTPS_PROXY": "http://a", "NO_PROXY": ".example"}, None),
            ({"HTTPS_PROXY": "http://a", "NO_PROXY": "*"}, None),
            ({"HTTPS_PROXY": "http://a", "NO_PROXY": "other.example"}, "http://a"),
        ],
    )
    def test_the_environment_names_it(
        self, environment: dict[str, str], proxy: str | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)

        assert Route.from_environment("https://as.example/token").proxy == (proxy and Secret(proxy))


class TestProxySource:
    @pytest.mark.parametrize(
        ("environment", "source"),
        [
            ({"HTTPS_PROXY": "http://a", "HTTP_PROXY": "http://b"}, "HTTPS_PROXY"),
            ({"HTTPS_PROXY": "http://a", "https_proxy": "http://b"}, "https_proxy"),
            ({"HTTPS_PROXY": "", "ALL_PROXY": "http://a"}, "ALL_PROXY"),
            ({"HTTP_PROXY": "http://b"}, "the system's settings"),
        ],
    )
    def test_the_variable_that_counts(
        self, environment: dict[str, str], source: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)

        assert proxy_source("https://as.example/", None) == source

    def test_a_login_keeps_its_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "http://a")

        assert proxy_source("https://as.example/", Route(PROXY)) == "kept with the login"


class TestCertificatesOfTheEnvironment:
    def test_there_are_none(self) -> None:
        assert Route.from_environment("https://as.example/").ca_file is None

    def test_a_relative_path_is_kept_as_an_absolute_one(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Another program that uses the login stands somewhere else."""
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("SSL_CERT_FILE", "company/ca.pem")

        assert Route.from_environment("https://as.example/").ca_file == str(tmp_path / "company/ca.pem")

    def test_a_file_goes_before_directories(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSL_CERT_DIR", "/a:/b/")
        directories = Route.from_environment("https://as.example/").ca_file
        monkeypatch.setenv("SSL_CERT_FILE", "/ca.pem")

        assert directories == "/a:/b"
        assert Route.from_environment("https://as.example/").ca_file == "/ca.pem"

    def test_loopback_has_them_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", "/ca.pem")

        assert Route.from_environment("https://localhost:8443/") == Route(None, "/ca.pem")


class TestTowards:
    def test_a_fixed_route_does_not_ask_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "http://another.example:1")
        monkeypatch.setenv("NO_PROXY", "*")
        fixed = Route(PROXY, "/ca.pem")

        assert route_to("https://as.example/", fixed) == fixed
        assert route_to("https://as.example/", Route()) == Route()

    def test_without_one_the_environment_is_asked_each_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        before = route_to("https://as.example/", None)
        monkeypatch.setenv("HTTPS_PROXY", PROXY.reveal())

        assert (before, route_to("https://as.example/", None)) == (Route(), Route(PROXY))

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "app.localhost", "[::1]"])
    def test_loopback_is_reached_directly(self, host: str) -> None:
        assert Route(PROXY, "/ca.pem").towards(f"https://{host}:1/") == Route(None, "/ca.pem")


class TestTrust:
    def test_the_file_alone_is_trusted(self, tmp_path: Path) -> None:
        own = self_signed(tmp_path / "ca.pem", "as.example")

        assert len(Route(None, str(own)).trust().get_ca_certs()) == 1

    def test_a_directory_is_taken_as_one(self, tmp_path: Path) -> None:
        context = Route(None, str(tmp_path)).trust()

        assert (context.get_ca_certs(), context.verify_mode) == ([], ssl.CERT_REQUIRED)

    def test_the_system_is_asked_without_the_environment(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        own = self_signed(tmp_path / "ca.pem", "as.example")
        (mine,) = Route(None, str(own)).trust().get_ca_certs()
        monkeypatch.setenv("SSL_CERT_FILE", str(own))
        context = Route().trust()

        assert mine not in context.get_ca_certs()
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)

    def test_a_file_that_is_gone_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"ca\.pem cannot be read"):
            Route(None, str(tmp_path / "ca.pem")).trust()


class TestShown:
    def test_no_password_is_shown(self) -> None:
        assert PASSWORD not in repr(Route(PROXY)) + str(Route(PROXY))

    @pytest.mark.parametrize(
        ("written", "shown"),
        [
            (PROXY.reveal(), "proxy.example:3128"),
            ("proxy.example:3128", "proxy.example:3128"),
            (f"me:{PASSWORD}@proxy.example:3128", "proxy.example:3128"),
            (f"http://{PASSWORD}@proxy.example", "proxy.example:80"),
            ("https://proxy.example/", "proxy.example:443"),
            ("http://[2001:db8::1]:3128", "[2001:db8::1]:3128"),
            (f"http://me:{PASSWORD}@proxy.example:x", "unreadable"),
            (f"http://me:{PASSWORD}@[proxy", "unreadable"),
        ],
    )
    def test_host_and_port_are(self, written: str, shown: str) -> None:
        assert proxy_address(Secret(written)) == shown

    @pytest.mark.parametrize("proxy", [f"socks5://me:{PASSWORD}@h:1", f"http://me:{PASSWORD}@h:x"])
    def test_an_error_shows_none_either(self, proxy: str) -> None:
        with pytest.raises(UsageError) as caught:
            Route(Secret(proxy)).proxy_options()

        assert PASSWORD not in f"{caught.value} {caught.value.hint}"
