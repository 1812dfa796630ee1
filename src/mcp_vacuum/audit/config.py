"""`audit_config`: a client's configuration file, against the catalogue."""

from __future__ import annotations

from mcp_vacuum.audit.engine import judge
from mcp_vacuum.audit.evidence.config import collect_config
from mcp_vacuum.audit.report import SecurityReport, report_of
from mcp_vacuum.audit.rule import Kind
from mcp_vacuum.audit.rules import CATALOGUE


def audit_config(file: str) -> SecurityReport:
    """Audit a configuration file. Nothing in it is started, fetched or expanded.

    Args:
        file: Its path, as it is written.

    Raises:
        UsageError: It cannot be read, is neither JSON (comments are allowed) nor TOML, or is about something
            else.
    """
    seen = collect_config(file)
    return report_of(seen.file.path, judge(CATALOGUE, {Kind.CONFIG: seen}, (Kind.CONFIG,)))
