"""The only script: counting what is shown."""

from __future__ import annotations

from mcp_vacuum.audit.formats.page.script import SCRIPT


def test_it_fetches_stores_and_evaluates_nothing() -> None:
    for word in ("fetch", "XMLHttp", "import", "eval", "innerHTML", "localStorage", "cookie", "</"):
        assert word not in SCRIPT
