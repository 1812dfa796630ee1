"""Which way a request goes: through which proxy, and trusting whose certificates.

The environment decides at each request, or a login's record for all of them: a refresh in a program that was
started from another shell goes the way that the login went.
"""

from __future__ import annotations

import os
import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from mcp_vacuum.errors import UsageError
from mcp_vacuum.safety.address import is_loopback_host
from mcp_vacuum.safety.secret import Secret, wrapped
from mcp_vacuum.safety.url import host_of, origin, printable

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Route:
    """The way to a server.

    Attributes:
        proxy: Its URL, as environments write it: perhaps without a scheme, perhaps with a user and password.
            None for a direct connection.
        ca_file: The absolute path of the certificates that are trusted instead of the system's: a PEM file,
            or the directories of `SSL_CERT_DIR`. None for the system's own.
    """

    proxy: Secret | None = None
    ca_file: str | None = None

    @classmethod
    def from_environment(cls, url: str) -> Route:
        """Return the route that the environment names for a URL; never a proxy for loopback.

        Read are `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` (where there are none: the system's
        settings, on macOS and Windows), `SSL_CERT_FILE` and `SSL_CERT_DIR`.
        """
        host = host_of(url)
        certificates = _certificates()
        if is_loopback_host(host) or proxy_bypass(host):
            return cls(None, certificates)
        proxies = getproxies()
        return cls(wrapped(proxies.get(url.partition(":")[0]) or proxies.get("all")), certificates)

    def towards(self, url: str) -> Route:
        """Return the route to take to a URL: this one, but loopback is always reached directly."""
        return Route(None, self.ca_file) if is_loopback_host(host_of(url)) else self

    def trust(self) -> ssl.SSLContext:
        """Read the trusted certificates.

        Raises:
            UsageError: They cannot be read.
        """
        if self.ca_file is None:
            return _trust_of_the_system()
        directory = Path(self.ca_file.split(os.pathsep)[0]).is_dir()
        try:
            if directory:
                return ssl.create_default_context(capath=self.ca_file)
            return ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise UsageError(
                f"the trusted certificates in {printable(self.ca_file)} cannot be read: {error}",
                hint="check SSL_CERT_FILE and SSL_CERT_DIR; a login keeps the ones that it was made with",
            ) from None

    def proxy_options(self) -> dict[str, Any]:
        """Return what an HTTP proxy pool of httpcore2 is made with.

        Raises:
            UsageError: The proxy is no http proxy, or the certificates to know it by cannot be read.
        """
        assert self.proxy is not None
        with suppress(ValueError):
            parts = _split(self.proxy)
            if parts.scheme in _DEFAULT_PORTS and parts.hostname:
                options = {"proxy_url": origin(parts.geturl()), **_credentials(parts)}
                # Left out, httpcore2 would ask the environment whom to trust.
                secure = {"proxy_ssl_context": self.trust()} if parts.scheme == "https" else {}
                return options | secure
        raise UsageError(
            "the proxy to go through is no http proxy",
            hint="set HTTPS_PROXY to a URL such as http://proxy.example:3128; a login keeps its own",
        )


def route_to(url: str, fixed: Route | None) -> Route:
    """Return the route to a URL: the fixed one, or without one what the environment says now."""
    return Route.from_environment(url) if fixed is None else fixed.towards(url)


def proxy_source(url: str, fixed: Route | None) -> str:
    """Say who named the proxy to a URL: a variable by its name, the system's settings, or the login itself.

    Args:
        url: Where the request goes.
        fixed: As for `route_to`.
    """
    if fixed is not None:
        return "kept with the login"
    for wanted in (f"{url.partition(':')[0]}_proxy", "all_proxy"):
        named = [name for name, value in os.environ.items() if value and name.lower() == wanted]
        if named:
            return max(named)  # the one in lower case, which counts where there are two
    return "the system's settings"


def proxy_address(proxy: Secret) -> str:
    """Return what may be shown of a proxy: ``host:port``, never the user and password."""
    try:
        parts = _split(proxy)
        host, port = parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        return "unreadable"
    return printable(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


def _split(proxy: Secret) -> SplitResult:
    text = proxy.reveal()
    return urlsplit(text if "://" in text else f"http://{text}")


def _credentials(proxy: SplitResult) -> dict[str, Any]:
    if not proxy.username:
        return {}
    return {"proxy_auth": tuple(unquote(each or "").encode() for each in (proxy.username, proxy.password))}


def _certificates() -> str | None:
    """Name the certificates that the environment wants trusted, wherever the process stands later on."""
    if file := os.environ.get("SSL_CERT_FILE"):
        return os.path.abspath(file)  # noqa: PTH100 - resolve() would follow a link that is meant to be one
    directories = os.environ.get("SSL_CERT_DIR")
    return os.pathsep.join(map(os.path.abspath, directories.split(os.pathsep))) if directories else None


def _trust_of_the_system() -> ssl.SSLContext:
    # httpcore2's own default reads SSL_CERT_* too, which are not of this login's making.
    from httpx2 import create_ssl_context

    return create_ssl_context(trust_env=False)
