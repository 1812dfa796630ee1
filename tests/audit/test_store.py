"""`audit_store`: honest machines, what cannot be judged, and that no report shows a secret."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_vacuum.audit.formats import html, sarif, text
from mcp_vacuum.audit.formats import json as json_format
from mcp_vacuum.audit.report import SecurityReport
from mcp_vacuum.audit.rule import Kind, Severity
from mcp_vacuum.audit.rules import CATALOGUE
from mcp_vacuum.lab import Lab
from mcp_vacuum.storage.opening import lock_vault
from tests.audit.machine import CANARY, DAY, SERVER, Machine, audited, client, jwt, machine, secret
from tests.helpers import log_in

RENDERED = {"text": text.render, "json": json_format.render, "sarif": sarif.render, "html": html.render}
OF_RECORDS = {
    "ST-BIND-01",
    "ST-BIND-02",
    "ST-BIND-03",
    "ST-BIND-04",
    "ST-LIFE-01",
    "ST-LIFE-02",
    "ST-LIFE-04",
} | {
    "ST-SCOPE-01",
    "ST-KEY-01",
    "ST-SEC-01",
}
"""What takes opened records to judge."""


@pytest.fixture
def person() -> Iterator[Machine]:
    with machine() as each:
        yield each


def found(report: SecurityReport) -> list[tuple[str, str]]:
    return [(each.rule.id, each.severity.word) for each in report.findings]


def test_every_store_rule_of_the_catalogue_is_checked() -> None:
    rules = [rule for rule in CATALOGUE if rule.id.startswith("ST-")]

    assert len(rules) == 15
    assert all(Kind.STORE in rule.checks and not rule.missing for rule in rules)


def test_an_honest_machine_has_no_findings_at_all() -> None:
    report = audited()

    assert found(report) == []
    assert [rule for rule, _ in report.not_checked] == ["ST-BIND-04"]


def test_a_login_as_we_make_it_has_no_findings_either(person: Machine) -> None:
    with Lab() as lab:
        store = person.store()
        log_in(lab, store)
        store.close()

    assert found(person.audit()) == []


def test_a_key_file_beside_the_vault_is_reported(person: Machine) -> None:
    person.keyring.trouble = RuntimeError("no keyring")
    person.log_in()

    assert found(person.audit()) == [("ST-ENC-02", "high")]
    assert not person.audit().compliant


def test_honest_configurations_of_other_programs_are_no_findings(person: Machine) -> None:
    person.log_in()
    reference = {"mcpServers": {"s": {"url": SERVER, "headers": {"Authorization": "Bearer ${TOKEN}"}}}}
    for path in (".cursor/mcp.json", ".claude.json", ".gemini/settings.json", ".config/Code/User/mcp.json"):
        person.write(path, reference, 0o644)
    person.write(
        ".codex/config.toml", f'[mcp_servers.s]\nurl = "{SERVER}"\nbearer_token_env_var = "S_TOKEN"\n'
    )
    person.write(".bash_history", "mcp-vacuum login https://mcp.example/mcp\nls\n")

    assert found(person.audit()) == []


def test_nothing_is_not_applicable_and_makes_nothing(person: Machine) -> None:
    report = person.audit()

    assert report.findings == ()
    assert all(because.startswith("NOT_APPLICABLE") for _, because in report.not_checked)
    assert set(report.passed) == {"ST-PERM-02"}
    assert list(person.person.iterdir()) == []


def test_a_locked_vault_is_judged_by_what_is_clear(person: Machine) -> None:
    person.log_in()
    (person.state / "vault.db").chmod(0o644)
    lock_vault(person.state)
    (person.state / "vault.db").chmod(0o644)
    report = person.audit()
    unclear = {rule: because for rule, because in report.not_checked if because.startswith("INCONCLUSIVE")}

    assert found(report) == [("ST-PERM-01", "high")]
    assert set(unclear) == OF_RECORDS | {"ST-PERM-02"}
    assert all("the vault is locked" in because for because in unclear.values())
    assert {"ST-ENC-01", "ST-ENC-02", "ST-LIFE-03"} <= set(report.passed)


def test_a_keyring_that_does_not_answer_is_a_reason(person: Machine) -> None:
    person.log_in()
    person.keyring.trouble = RuntimeError("it is locked")
    report = person.audit()

    assert found(report) == []
    assert {rule for rule, because in report.not_checked if "no working keyring" in because} >= OF_RECORDS


def test_a_damaged_vault_is_a_reason(person: Machine) -> None:
    person.write(".local/share/mcp-vacuum/vault.db", "no database at all")
    person.state.chmod(0o700)
    report = person.audit()

    assert found(report) == []
    assert "cannot be read" in dict(report.not_checked)["ST-BIND-01"]


@pytest.mark.skipif(os.name != "posix", reason="links are POSIX")
def test_a_link_out_of_the_home_is_said_and_not_followed(person: Machine) -> None:
    outside = person.person.parent / "outside.json"
    outside.write_text(json.dumps({"tokens": {"refresh_token": secret()}}))
    (person.person / ".codex").mkdir()
    (person.person / ".codex" / "auth.json").symlink_to(outside)
    report = person.audit()

    assert found(report) == []
    assert "leads out of the home" in dict(report.not_checked)["ST-ENC-01"]


def everything_wrong(person: Machine) -> None:
    """Plant secrets of every kind in every known place."""
    person.log_in(
        client=client(client_secret=None, registration_access_token=None),
        quirks=("no-resource",),
        legacy=True,
        scope="admin",
        created_at=1.0,
    )
    tokens = {
        "access_token": secret("-at"),
        "refresh_token": secret("-rt"),
        "id_token": jwt(email="me@example.com"),
    }
    person.write(".mcp-auth/mcp-remote-0.1.1/ab_tokens.json", tokens, 0o644, age=9 * DAY)
    person.write(".mcp-auth/mcp-remote-v1/ab_tokens.json", tokens)
    person.write(".mcp-auth/mcp-remote-v1/ab_client_info.json", {"client_secret": f"{CANARY}1"})
    person.write(".mcp-auth/mcp-remote-v1/ab_code_verifier.txt", secret() * 2, age=DAY)
    person.write(".mcp-auth/mcp-remote-v1/ab_debug.log", f"Authorization: Bearer {secret()}")
    named = {
        f"s|{secret()}": {"serverUrl": "https://other.example", "accessToken": jwt(aud=SERVER), "scope": "*"}
    }
    person.write(".claude/.credentials.json", {"mcpOAuth": named})
    header = {
        "mcpServers": {
            "s": {
                "url": f"https://me:{secret()}@x.example/?token={secret()}",
                "headers": {"Authorization": f"Bearer {secret()}"},
            }
        }
    }
    person.write(".claude.json", header, 0o644)
    person.write(".cursor/mcp.json.bak", header)
    person.write(".codex/config.toml", f'[mcp_servers.s.env]\nS_TOKEN = "{secret()}"\n')
    person.write(".local/share/python_keyring/keyring_pass.cfg", f"[mcp]\nme = {secret()}\n")
    person.write(".bash_history", f"x --client-secret {secret()}\nexport MCP_VACUUM_KEY={secret()}\n")
    person.write(".local/share/mcp-vacuum/agent.log", f'{{"access_token": "{secret()}"}}')


@pytest.mark.parametrize("form", RENDERED)
def test_no_report_shows_a_secret_in_any_form(person: Machine, form: str) -> None:
    everything_wrong(person)
    report = person.audit()
    shown = RENDERED[form]([report])

    assert len({each.rule.id for each in report.findings}) >= 10
    assert CANARY not in shown
    assert str(person.person) not in shown
    assert not [secret for secret in _planted(person.person) if secret in shown]


def _planted(home: Path) -> Iterator[str]:
    """Yield every JWT under the home: a canary in there is in base64."""
    import re

    for path in home.rglob("*"):
        if path.is_file() and path.suffix in (".json", ".bak"):
            yield from re.findall(r"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+", path.read_text())


def test_a_report_names_file_member_kind_and_mode(person: Machine) -> None:
    person.write(".codex/auth.json", {"tokens": {"refresh_token": secret()}})
    (each,) = [each for each in person.audit().findings if each.rule.id == "ST-ENC-01"]

    assert each.severity is Severity.HIGH
    assert each.finding.where == "~/.codex/auth.json: tokens.refresh_token"
    assert each.finding.why == (
        "Codex keeps a refresh token in clear (mode 0600); "
        'cli_auth_credentials_store = "keyring" in config.toml has it use the keyring'
    )
