"""The passive audit of servers that others wrote: every finding was looked at by hand, see README.md."""

import anyio
import pytest

from mcp_vacuum.audit.auditor import audit_server
from tests.audit.golden import kept, lasting

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
