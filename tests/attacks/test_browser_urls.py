"""Browser URLs: what is opened for the person does something else than open a page."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any
from urllib.parse import urlencode, urlsplit

from mcp_vacuum.errors import LoginDeclined, SecurityRefused
from tests.attacks.hostile import Hostile
from tests.attacks.kit import NOTHING, Loot, Sees, attack, attacks, defence, in_the_test
from tests.attacks.world import World

_AS_IT_CAME = lambda url, *_, **__: url  # noqa: E731


def _appended(endpoint: str, ours: Any) -> str:
    """Careless: a string and a query."""
    return f"{endpoint}?{urlencode(list(ours))}"


CHECKED = defence(
    "an authorization URL is parsed, checked and rebuilt",
    {
        "safety.url.check_endpoint": _AS_IT_CAME,
        "safety.url.authorization_url": _appended,
        "drivers.transport.admit_visit": lambda *_: None,
    },
)
REACH = defence(
    "nobody is sent where no request of ours may go", {"drivers.transport.admit_visit": lambda *_: None}
)


def _opened(world: World, evil: Hostile) -> list[str]:
    """Log in with a browser that only notes what it was given."""
    from mcp_vacuum.drivers.browser import BrowserVisit

    given: list[str] = []

    def opener(url: str) -> bool:
        given.append(url)
        return True

    world.log_in(
        evil.url,
        timeout=0.1,
        ways=lambda listener, timeout: BrowserVisit(listener, timeout=timeout, opener=opener),
    )
    return given


@attacks(
    "authorization_endpoint is {}",
    {
        "a script": "javascript:alert(document.domain)//",
        "a script in mixed case": "JaVaScRiPt:alert(1)//",
        "data": "data:text/html,<script>alert(1)</script>",
        "a file": "file:///etc/passwd",
        "vbscript": "vbscript:msgbox(1)",
        "a program's own scheme": "ms-msdt:/id%20PCWDiagnostic",
        "a search protocol": "search-ms:query=x&crumb=location:\\\\attacker.example",
        "a share": "\\\\attacker.example\\share\\payload.exe",
        "an option": "--renderer-cmd-prefix=calc",
        "an option behind a space": " -proxy=attacker.example",
        "nothing but a path": "/bin/sh",
        "plain http": "http://attacker.example/authorize",
        "a user name": "https://accounts.honest.example@attacker.example/authorize",
        "a user name and a password": "https://accounts.honest.example:443@attacker.example/",
        "a backslash": "https://accounts.honest.example\\@attacker.example/",
        "a fragment": "https://attacker.example/authorize#",
        "a look-alike in another script": "https://\u0430ccounts.example/authorize",
        "a full-width dot": "https://accounts\u3002honest.example/",
        "a right-to-left mark": "https://accounts.example/\u202egnp.exe",
        "a line break": "https://attacker.example/\r\nX: y",
        "a tab": "https://attacker.example/\tauthorize",
        "a zero byte": "https://attacker.example/\x00",
        "an escape sequence": "https://attacker.example/\x1b]0;gotcha\x07",
        "a substitution": "https://attacker.example/`calc`",
        "a pipe": "https://attacker.example/|calc",
        "quotes": 'https://attacker.example/";calc;"',
        "a host of shell words": "https://$(calc).attacker.example/",
        "a broken escape": "https://attacker.example/%zz",
        "an escaped host": "https://%61ttacker.example/",
        "a number": "https://2130706433/authorize",
        "longer than any browser takes": "https://attacker.example/" + "a" * 9000,
    },
    source={
        "": "MCP security best practices, OAuth Authorization URL Validation; CVE-2025-58444, CVE-2025-6514",
        "an option": "CVE-2026-4519",
        "an option behind a space": "CVE-2026-4519",
        "a number": "MCP security best practices, Block Private IP Ranges",
    },
    defence=CHECKED,
    sees=Sees(SecurityRefused, "OAuth 2.1"),
)
def test_endpoint(world: World, endpoint: str) -> Loot:
    evil = world.hostile(metadata={"authorization_endpoint": endpoint})
    return [f"a browser was given {url[:60]!r}" for url in _opened(world, evil)]


@attacks(
    "authorization_endpoint has {}",
    {
        "%action in its path": "https://127.0.0.1/%action",
        "%action in its query": "https://127.0.0.1/?x=%action",
    },
    source="CVE-2026-4786",
    defence=CHECKED,
    sees={"": Sees(SecurityRefused, "CVE-2026-4786"), "%action in its query": Sees(LoginDeclined)},
)
def test_action(world: World, endpoint: str) -> Loot:
    evil = world.hostile(metadata={"authorization_endpoint": endpoint})
    # In a query it is escaped as the URL is rebuilt, and means nothing any more.
    return [f"a browser was given {url!r}" for url in _opened(world, evil) if "%action" in url]


_BY_SHELL = in_the_test(
    "the browser is started without a shell",
    "`drivers/browser.py: open_browser`",
    lambda patch: patch.setattr("mcp_vacuum.drivers.browser.open_browser", _with_a_shell),
)


def _with_a_shell(url: str) -> bool:
    """Careless: as in CVE-2025-6514."""
    return subprocess.run(f"true {url}", shell=True, capture_output=True, check=False).returncode == 0


@attacks(
    "authorization_endpoint runs a command: {}",
    {
        "substitution": "https://127.0.0.1/$(touch${{IFS}}{canary})",
        "a second command": "https://127.0.0.1/x;touch${{IFS}}{canary};",
        "in the background": "https://127.0.0.1/?x&touch${{IFS}}{canary}&",
    },
    source="CVE-2025-6514, CVE-2025-10619",
    defence=_BY_SHELL + CHECKED,
    sees=None,
)
def test_command(world: World, endpoint: str) -> Loot:
    """What reaches the opener is run by it: with a shell, for want of a check."""
    from mcp_vacuum.drivers import browser
    from mcp_vacuum.drivers.browser import BrowserVisit

    canary = world.root / "canary"
    evil = world.hostile(metadata={"authorization_endpoint": endpoint.format(canary=canary)})
    world.patch.setenv("BROWSER", f"{sys.executable} -c 'import sys' %s")
    world.log_in(
        evil.url,
        timeout=0.5,
        ways=lambda listener, timeout: BrowserVisit(listener, timeout=timeout, opener=browser.open_browser),
    )
    world.error = None  # refused, or nobody came: either way no command was run
    return ["a command was run"] if canary.exists() else []


@attack(
    "a module in the current directory is called webbrowser",
    source="CWE-427, CVE-2026-4519",
    defence=in_the_test(
        "the browser is opened by an isolated interpreter",
        "`drivers/browser.py: open_browser`",
        lambda patch: patch.setattr("mcp_vacuum.drivers.browser.open_browser", _not_isolated),
    ),
    sees=NOTHING,
)
def test_planted_module(world: World) -> Loot:
    from mcp_vacuum.drivers import browser

    canary = world.root / "canary"
    planted = f"import pathlib\npathlib.Path({str(canary)!r}).touch()\nopen = lambda url: True\n"
    (world.root / "webbrowser.py").write_text(planted)
    world.patch.chdir(world.root)
    world.patch.setenv("BROWSER", "true %s")
    world.attempt(lambda: browser.open_browser("https://example.com/"))  # type: ignore[arg-type]
    return ["its code was run"] if canary.exists() else []


def _not_isolated(url: str) -> bool:
    code = "import sys, webbrowser; sys.exit(0 if webbrowser.open(sys.argv[1]) else 1)"
    return subprocess.run([sys.executable, "-c", code, url], check=False).returncode == 0


@attack(
    "PYTHONPATH and PYTHONSTARTUP of a project reach the interpreter that opens the browser",
    source="CWE-427",
    defence=in_the_test(
        "the browser is opened by an isolated interpreter",
        "`drivers/browser.py: open_browser`",
        lambda patch: patch.setattr("mcp_vacuum.drivers.browser.open_browser", _not_isolated),
    ),
    sees=NOTHING,
)
def test_planted_path(world: World) -> Loot:
    from mcp_vacuum.drivers import browser

    canary, project = world.root / "canary", world.root / "project"
    project.mkdir()
    (project / "sitecustomize.py").write_text(f"open({str(canary)!r}, 'w').close()\n")
    world.patch.setenv("PYTHONPATH", f"{project}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    world.patch.setenv("BROWSER", "true %s")
    world.attempt(lambda: browser.open_browser("https://example.com/"))  # type: ignore[arg-type]
    return ["its code was run"] if canary.exists() else []


@attacks(
    "the person's browser is sent into their own network: {}",
    {
        "a router": "10.0.0.1",
        "this machine": "127.0.0.1",
        "cloud metadata": "169.254.169.254",
        "a name that resolves to a router": "router.attacker.example",
    },
    source="MCP security best practices, Server-Side Request Forgery; RFC 9700 §4.15",
    defence=REACH,
    sees=Sees(SecurityRefused, "Server-Side Request Forgery"),
)
def test_into_the_network(world: World, host: str) -> Loot:
    """A GET with parameters of the attacker's choice, from inside, with the person's cookies."""
    net = world.internet()
    net.name("router.attacker.example", "192.168.1.1")
    evil = net.server("mcp.attacker.example")
    evil.metadata["authorization_endpoint"] = f"https://{host}/reboot?now=1"
    return [f"a browser was sent to {urlsplit(url).hostname}" for url in _opened(world, evil)]


@attacks(
    "verification_uri of a device login is {}",
    {
        "a script": "javascript:alert(1)",
        "plain http": "http://attacker.example/device",
        "an escape sequence": "https://attacker.example/\x1b[2J",
        "a user name": "https://honest.example@attacker.example/device",
    },
    source="RFC 8628 §3.3, §5.4; MCP security best practices",
    defence=defence(
        "what a person is told to open is checked",
        {"protocol.device._shown": lambda document: _whatever(document)},
    ),
    sees=Sees(SecurityRefused, "RFC 8628 §3.3"),
)
def test_verification_uri(world: World, uri: str) -> Loot:
    evil = world.hostile(granted={"verification_uri": uri})
    evil.answers["/token"] = _declines
    world.patch.setattr("mcp_vacuum.drivers.sync.time.sleep", lambda _: None)
    world.log_in(evil.url, device=True, timeout=1)
    return [text for text in world.told if "verification_uri=" in text]


@attack(
    "a user code moves the cursor",
    source="RFC 8628 §6.1",
    defence=defence(
        "what a person is told to open is checked",
        {"protocol.device._shown": lambda document: _whatever(document)},
    ),
    sees=Sees(SecurityRefused, "RFC 8628 §6.1"),
)
def test_user_code(world: World) -> Loot:
    evil = world.hostile(granted={"user_code": "AB\x1b[1A\x1b[2KCD"})
    evil.answers["/token"] = _declines
    world.patch.setattr("mcp_vacuum.drivers.sync.time.sleep", lambda _: None)
    world.log_in(evil.url, device=True, timeout=1)
    return [text for text in world.told if "user_code=" in text]


def _declines(_got: object) -> Any:
    from tests.attacks.hostile import Reply

    return Reply.document('{"error": "access_denied"}', 400)


def _whatever(document: Any) -> Any:
    from mcp_vacuum.protocol.effects import ShowCode

    return ShowCode(document.verification_uri, document.user_code, document.verification_uri_complete)
