"""The six rules of the guide, on a client that keeps them and on clients that do not."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from mcp_vacuum import OAuth2Token, SecureTokenStorage
from mcp_vacuum.audit.auditor import audit_server
from mcp_vacuum.audit.rule import Kind, Severity
from mcp_vacuum.audit.rules import CATALOGUE, OF_THE_GUIDE
from mcp_vacuum.errors import ServerUnavailable
from mcp_vacuum.lab import Lab, LabConfig
from tests.audit.conftest import altered, audit, client, found
from tests.audit.planted.server import audited


def test_a_client_of_ours_is_compliant(vault_storage: SecureTokenStorage) -> None:
    report = audit(client(storage=vault_storage))

    assert report.compliant
    assert report.issues == []
    assert {"CL-PKCE-01", "CL-REDIR-05", "CL-STATE-02", "ST-ENC-01", "ST-MEM-01"} <= set(report.passed)


def test_a_key_file_is_reported_as_a_remark(vault_storage: SecureTokenStorage) -> None:
    report = audit(client(storage=vault_storage))

    assert [(f.rule.id, f.severity) for f in report.findings] == [("ST-ENC-02", Severity.LOW)]


def test_the_audit_leaves_nothing_behind_in_the_storage(vault_storage: SecureTokenStorage) -> None:
    vault_storage.put_token("mine", OAuth2Token("access", refresh_token="refresh"))
    audit(client(storage=vault_storage))

    assert [row.key.name for row in vault_storage.store.index()] == ["mine"]


def test_every_rule_is_accounted_for_exactly_once_or_found(memory_storage: SecureTokenStorage) -> None:
    report = audit(client(storage=memory_storage))
    told = {*report.passed, *(rule for rule, _ in report.not_checked), *(f.rule.id for f in report.findings)}

    assert told == {rule.id for rule in (*CATALOGUE, *OF_THE_GUIDE) if Kind.FLOW in rule.kinds}
    assert len(told) == 15


def test_a_client_without_any_request_is_inconclusive_and_not_passed() -> None:
    class Nothing:
        client_id = "x"
        redirect_uri = "http://127.0.0.1/callback"
        storage = None

    report = audit(Nothing())

    assert "CL-PKCE-01" not in report.passed
    assert dict(report.not_checked)["CL-PKCE-01"].startswith("INCONCLUSIVE")


def test_the_worst_finding_comes_first_and_json_has_the_promised_members() -> None:
    report = audit(altered(code_challenge=None, state=None))
    members = report.as_json()

    assert next(f["severity"] for f in members["findings"]) == "critical"
    assert set(members) == {"target", "compliant", "findings", "passed", "not_checked"}
    assert set(members["findings"][0]) == {
        "rule", "severity", "title", "where", "why", "fix", "sources", "certain"
    }  # fmt: skip
    assert members["compliant"] is False


def test_every_flaw_is_found_by_its_own_rule_and_no_other() -> None:
    planted = {
        "CL-PKCE-01": altered(code_challenge_method="plain"),
        "CL-PKCE-04": altered(code_challenge="A" * 43),
        "CL-REDIR-01": client(redirect_uri="http://app.example/callback"),
        "CL-REDIR-05": altered(redirect_uri="http://127.0.0.1/callback/x"),
        "CL-STATE-01": altered(state="12345"),
    }
    results = {rule: found(audit(target)) for rule, target in planted.items()}

    # A fixed challenge does not belong to the verifier either: PKCE-01 must notice that too.
    assert results.pop("CL-PKCE-04") == {"CL-PKCE-04", "CL-PKCE-01"}
    assert results == {rule: {rule} for rule in results}


class TestAuditServer:
    """A server of the laboratory, audited without a login."""

    def test_every_rule_about_servers_is_accounted_for(self) -> None:
        report = audited()
        told = {*report.passed, *(rule for rule, _ in report.not_checked)}

        assert told == {rule.id for rule in CATALOGUE if set(rule.kinds) & {Kind.PASSIVE, Kind.ACTIVE}}
        assert report.exchanges

    def test_any_spelling_of_the_url_will_do(self) -> None:
        with Lab() as lab:
            report = anyio.run(audit_server, f"  {lab.mcp_url.replace('http:', 'HTTP:')} ")

            assert report.target == lab.mcp_url

    def test_a_server_that_is_not_there_is_unavailable(self) -> None:
        with Lab() as lab:
            url = lab.mcp_url
        with pytest.raises(ServerUnavailable, match="no connection"):
            anyio.run(audit_server, url)

    def test_an_open_server_is_a_remark_and_its_rules_do_not_apply(self) -> None:
        report = audited(LabConfig(require_login=False))

        assert [(each.rule.id, each.severity) for each in report.findings] == [
            ("RS-HTTP-02", Severity.LOW),
            ("RS-CHAL-01", Severity.INFO),
        ]
        assert dict(report.not_checked)["RS-META-01"].startswith("NOT_APPLICABLE")

    @pytest.mark.parametrize(
        "odd",
        [
            "https://[broken",
            "javascript:x",
            "http://\x1b[31m",
            "",
            7,
            None,
            [],
            ["https://["],
            {"a": 1},
            True,
        ],
    )
    def test_no_document_is_odd_enough_to_stop_it(self, odd: object) -> None:
        ours = ("resource", "authorization_servers", "scopes_supported", "bearer_methods_supported")
        theirs = (
            *("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "protected_resources"),
            *("response_types_supported", "grant_types_supported", "code_challenge_methods_supported"),
            *("token_endpoint_auth_methods_supported", "dpop_signing_alg_values_supported"),
        )
        for names, fault in ((ours, "resource_metadata_override"), (theirs, "metadata_override")):
            for name in names:
                changes: dict[str, Any] = {fault: {name: odd}}
                report = audited(**changes)

                assert report.exchanges
                assert not any("\x1b" in issue for issue in report.issues)

    @pytest.mark.parametrize(
        "metadata", ["https://[broken", "javascript:x", "http://as.example/x", "//x", "https://\t"]
    )
    def test_no_challenge_either(self, metadata: str) -> None:
        assert audited(challenge=(f'Bearer resource_metadata="{metadata}"',)).exchanges
