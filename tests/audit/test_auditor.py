"""The six rules of the guide, on a client that keeps them and on clients that do not."""

from __future__ import annotations

from mcp_vacuum import OAuth2Token, SecureTokenStorage
from mcp_vacuum.audit.rule import Severity
from mcp_vacuum.audit.rules import CATALOGUE
from tests.audit.conftest import altered, audit, client, found


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

    assert told == {rule.id for rule in CATALOGUE}
    assert len(CATALOGUE) == len({rule.id for rule in CATALOGUE})


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
