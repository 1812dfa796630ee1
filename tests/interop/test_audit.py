"""The audits of servers that others wrote: every finding was looked at by hand, see README.md."""

from contextlib import suppress
from dataclasses import replace
from functools import partial

import anyio
import pytest

from mcp_vacuum.audit.auditor import audit_server
from mcp_vacuum.audit.evidence.active_session import ActiveOptions
from mcp_vacuum.drivers.browser import BrowserVisit
from mcp_vacuum.login_options import Ways
from mcp_vacuum.models import ClientCredentials
from tests.audit.golden import kept, lasting

from .browser import LostError, Visit
from .running import ProtectedServer

SERVERS = (
    "sdk_server",
    "fastmcp_own",
    "fastmcp_open",
    pytest.param("fastmcp_remote", marks=pytest.mark.long),
    pytest.param("fastmcp_path", marks=pytest.mark.long),
    pytest.param("fastmcp_proxy", marks=pytest.mark.long),
    pytest.param("dpop_resource", marks=pytest.mark.long),
    pytest.param("django_server", marks=pytest.mark.long),
    pytest.param("better_auth", marks=pytest.mark.long),
    pytest.param("glewlwyd", marks=pytest.mark.long),
)


@pytest.mark.parametrize("name", SERVERS)
def test_the_report_is_the_one_that_was_looked_at(name: str, request: pytest.FixtureRequest) -> None:
    server: ProtectedServer | str = request.getfixturevalue(name)
    report = anyio.run(audit_server, server if isinstance(server, str) else server.url)

    assert lasting(report) == kept(name, report)


LOGGED_IN = (
    pytest.param("sdk_server", marks=pytest.mark.long),
    pytest.param("fastmcp_own", marks=pytest.mark.long),
    pytest.param("fastmcp_remote", marks=pytest.mark.long),
    pytest.param("fastmcp_proxy", marks=pytest.mark.long),
    pytest.param("dpop_resource", marks=pytest.mark.long),
    pytest.param("django_server", marks=pytest.mark.long),
)
OPTIONS = ActiveOptions(timeout=20, defect_timeout=2, grace=0)

OF_DJANGO = replace(
    OPTIONS, client=ClientCredentials(client_id="app"), redirect_uri="http://127.0.0.1/callback"
)


def alice() -> Ways:
    """The person of browser.py, in this process, with one browser for all of the logins."""
    visit = Visit(deny=False)

    def walk(url: str) -> bool:
        with suppress(LostError):  # an error page, where a defect was refused
            if "prompt=none" in url:
                visit.look(url)  # as the command says: do not answer
            else:
                visit.walk(url)
        return True

    return lambda listener, timeout: BrowserVisit(listener, timeout=timeout, opener=walk)


@pytest.mark.parametrize("name", LOGGED_IN)
def test_the_active_report_too(name: str, request: pytest.FixtureRequest) -> None:
    server: ProtectedServer | str = request.getfixturevalue(name)
    url = server if isinstance(server, str) else server.url
    options = OF_DJANGO if name == "django_server" else OPTIONS
    report = anyio.run(partial(audit_server, url, options, ways=alice()))

    assert lasting(report) == kept(f"active_{name}", report)
