"""Secrets in a configuration. The flaws are planted in tests/audit/planted/config.py."""

from __future__ import annotations

import os

import pytest

from mcp_vacuum.audit.rule import Severity, Verdict
from mcp_vacuum.audit.rules.config_secrets import CHECKS
from tests.audit.configured import SERVER, entry, judged

VALUE = "kZ0wq3Xn7Vb1Tt5Lr9Pd"
BEARER = {"Authorization": f"Bearer {VALUE}"}


def test_a_finding_says_where_and_what_and_shows_nothing() -> None:
    (found,) = judged("ST-ENC-01", entry(url=SERVER, headers=BEARER)).findings

    assert found.where == "mcpServers.s.headers.Authorization"
    assert "header" in found.why
    assert "a token" in found.why
    assert VALUE not in f"{found.where} {found.why}"
    assert found.file is not None
    assert found.file.line == 6


def test_a_client_secret_is_another_rules() -> None:
    content = entry(url=SERVER, oauth={"client_secret": VALUE})

    assert judged("ST-ENC-01", content).verdict is Verdict.PASS
    assert judged("CL-REG-09", content).verdict is Verdict.FAIL


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_behind_a_closed_directory_an_open_file_is_a_remark() -> None:
    (found,) = judged("ST-PERM-01", entry(url=SERVER, headers=BEARER), mode=0o644).findings

    assert found.severity is Severity.LOW


def test_a_file_without_secrets_may_be_open() -> None:
    assert judged("ST-PERM-01", entry(url=SERVER), mode=0o644).verdict is Verdict.NOT_APPLICABLE


def test_a_private_file_with_secrets() -> None:
    assert judged("ST-PERM-01", entry(url=SERVER, headers=BEARER)).verdict is Verdict.PASS


def test_the_rules_of_the_table() -> None:
    assert set(CHECKS) == {"ST-ENC-01", "ST-PERM-01"}
