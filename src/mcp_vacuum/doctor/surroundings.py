"""What mcp-vacuum runs in: Python, variables, proxies, certificates, a browser, a runtime directory."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import ssl
import stat
import webbrowser
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from mcp_vacuum._version import __version__
from mcp_vacuum.doctor.finding import Finding, fail, ok, warn
from mcp_vacuum.errors import UsageError
from mcp_vacuum.safety.url import origin
from mcp_vacuum.storage.home import owned_by_me

PACKAGES = ("httpx2", "httpcore2", "cryptography", "keyring", "pydantic", "anyio", "mcp", "fastmcp")
"""Whose versions explain most of what is reported."""
SHOWN = frozenset({"MCP_VACUUM_HOME", "MCP_VACUUM_AGENT", "MCP_VACUUM_AGENT_IDLE", "MCP_VACUUM_KEY_SOURCE"})
"""Variables whose values are no secrets; of all others only the name is shown."""
PREFIX = "MCP_VACUUM_"
FORWARD = "ssh -L 8123:127.0.0.1:8123 THIS-HOST, then mcp-vacuum login URL --no-browser --callback-port 8123"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy of the environment, without its user and password.

    Attributes:
        scheme: Of the URLs that it is for: ``https``, ``http`` or ``all``.
        place: ``http://host:port``; None where the value is no URL of a proxy.
        authenticated: A user name and perhaps a password are in the value.
    """

    scheme: str
    place: str | None
    authenticated: bool


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The facts.

    Attributes:
        python, system: Names and versions.
        packages: Name to version, of what is installed.
        variables: Names of our variables, to a value that may be shown or None.
        proxies: From the environment or the system's settings.
        no_proxy: Hosts that are reached without one.
        certificates: Variable, path, and why the certificates there cannot be used (None if they can).
        browser: What would be opened; None if nothing would.
        over_ssh: The session came over SSH.
        runtime: `XDG_RUNTIME_DIR`, and why it cannot be used (None if it can); None where it is not set.
    """

    python: str
    system: str
    packages: Mapping[str, str]
    variables: Mapping[str, str | None]
    proxies: tuple[Proxy, ...] = ()
    no_proxy: str = ""
    certificates: tuple[tuple[str, str, str | None], ...] = ()
    browser: str | None = None
    over_ssh: bool = False
    runtime: tuple[str, str | None] | None = None


def look_around() -> Surroundings:
    """Gather the facts; nothing is opened but the certificate files that the environment names."""
    proxies = getproxies()
    return Surroundings(
        python=f"{platform.python_implementation()} {platform.python_version()}",
        system=f"{platform.system()} {platform.machine()}",
        packages=_packages(),
        variables={
            name: key_source_shown(os.environ[name]) if name in SHOWN else None
            for name in sorted(os.environ)
            if name.startswith(PREFIX)
        },
        proxies=tuple(
            read_proxy(each, proxies[each]) for each in ("https", "http", "all") if each in proxies
        ),
        no_proxy=proxies.get("no", ""),
        certificates=tuple(_certificates()),
        browser=_browser(),
        over_ssh=bool(os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_TTY")),
        runtime=_runtime(),
    )


def read_proxy(scheme: str, value: str) -> Proxy:
    """Read the value of a proxy variable, and leave its user and password behind."""
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        fit = parts.scheme in ("http", "https") and parts.hostname
        return Proxy(scheme, origin(parts.geturl()) if fit else None, parts.username is not None)
    except ValueError:
        return Proxy(scheme, None, False)


def key_source_shown(value: str) -> str:
    """Return the value of a variable; of a key command only its first word, the others may hold a secret."""
    if not value.startswith("command:"):
        return value
    return f"{' '.join(value.split()[:1])} …" if " " in value else value


# --- checks -----------------------------------------------------------------------------------------------


def check_surroundings(facts: Surroundings) -> Iterator[Finding]:
    """Judge the facts."""
    yield check_versions(facts)
    yield check_packages(facts.packages)
    yield from check_variables(facts.variables)
    yield from map(check_proxy, facts.proxies)
    yield from (check_certificates(*each) for each in facts.certificates)
    yield check_browser(facts.browser, facts.over_ssh)
    yield from check_runtime(facts.runtime)


def check_versions(facts: Surroundings) -> Finding:
    """Name the version of this program, and what runs it."""
    return ok("versions", f"mcp-vacuum {__version__}, {facts.python}, {facts.system}")


def check_packages(packages: Mapping[str, str]) -> Finding:
    """Name the versions of what does the work."""
    named = [f"{name} {number}" for name, number in packages.items()]
    openssl = " ".join(ssl.OPENSSL_VERSION.split()[:2])
    return ok("packages", ", ".join([*named, f"SQLite {sqlite3.sqlite_version}", openssl]))


def check_variables(variables: Mapping[str, str | None]) -> Iterator[Finding]:
    """Name the variables that change what happens here."""
    if variables:
        shown = (name if value is None else f"{name}={value}" for name, value in variables.items())
        hidden = " (a name alone: its value may be secret)" if None in variables.values() else ""
        yield ok("environment", ", ".join(shown) + hidden)
    else:
        yield ok("environment", "none of our variables is set")


def check_proxy(proxy: Proxy) -> Finding:
    """See whether a proxy can be used."""
    variable = f"{proxy.scheme.upper()}_PROXY"
    if proxy.place is None:
        return fail(
            "proxy",
            f"{variable} is no http proxy",
            fix=f"set {variable} to a URL such as http://proxy.example:3128",
            error=UsageError,
        )
    login = ", with a user name and password that are not shown" if proxy.authenticated else ""
    return ok("proxy", f"{variable} is {proxy.place}{login}")


def check_certificates(variable: str, path: str, trouble: str | None) -> Finding:
    """See whether certificates that the environment names can be read."""
    if trouble is None:
        return ok("certificates", f"{variable} is {path}")
    return fail(
        "certificates",
        f"{variable} names {path}, which cannot be used: {trouble}",
        "no https server can be trusted without it",
        f"unset {variable}, or let it name a readable PEM file",
        error=UsageError,
    )


def check_browser(browser: str | None, over_ssh: bool) -> Finding:
    """See how a person would log in."""
    if over_ssh:
        where = "this session came over SSH: a browser here is not the one in front of you"
        return warn("browser", where, fix=f"{FORWARD}; or mcp-vacuum login URL --device")
    if browser is None:
        return warn(
            "browser",
            "no browser was found",
            "neither BROWSER nor the system names one that is installed",
            "mcp-vacuum login URL --device, or --no-browser prints the address to open",
        )
    return ok("browser", browser)


def check_runtime(runtime: tuple[str, str | None] | None) -> Iterator[Finding]:
    """See whether a socket can be kept in `XDG_RUNTIME_DIR`; it is not needed."""
    if runtime is None:
        return
    path, trouble = runtime
    if trouble is None:
        yield ok("runtime", f"XDG_RUNTIME_DIR is {path}")
    else:
        yield warn("runtime", f"XDG_RUNTIME_DIR is {path}: {trouble}", fix="unset XDG_RUNTIME_DIR")


# --- looking ----------------------------------------------------------------------------------------------


def _packages() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _certificates() -> Iterator[tuple[str, str, str | None]]:
    for variable, argument in (("SSL_CERT_FILE", "cafile"), ("SSL_CERT_DIR", "capath")):
        path = os.environ.get(variable)
        if path:
            yield variable, path, _certificate_trouble(path, argument)


def _certificate_trouble(path: str, argument: str) -> str | None:
    try:
        if argument == "capath":
            next(Path(path).iterdir(), None)  # OpenSSL would never complain
        else:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        return "there is no certificate in it"
    except OSError as caught:
        return (caught.strerror or "it cannot be read").lower()
    return None


def _browser() -> str | None:
    try:
        found = webbrowser.get()
    except webbrowser.Error:
        return None
    name = str(getattr(found, "name", "") or type(found).__name__).split()[0]
    if isinstance(found, webbrowser.GenericBrowser) and shutil.which(name) is None:
        return None  # Python believes what $BROWSER says
    return os.path.basename(name)  # noqa: PTH119  (a word of $BROWSER, not a path of ours)


def _runtime() -> tuple[str, str | None] | None:
    path = os.environ.get("XDG_RUNTIME_DIR")
    return (path, _runtime_trouble(Path(path))) if path else None


def _runtime_trouble(path: Path) -> str | None:
    try:
        found = path.stat()
    except OSError as caught:
        return (caught.strerror or "it cannot be read").lower()
    if not stat.S_ISDIR(found.st_mode):
        return "it is no directory"
    if not owned_by_me(found):
        return "it belongs to another user"
    return "others may use it" if found.st_mode & 0o077 else None
