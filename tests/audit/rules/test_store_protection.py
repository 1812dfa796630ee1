"""Storage rules, on a storage that keeps its promises and on storages that do not."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from mcp_vacuum import OAuth2Token, SecureTokenStorage
from mcp_vacuum.audit.rules.store_protection import RULES
from tests.audit.conftest import audit, client, found


class Leaky(SecureTokenStorage):
    """Also writes what it is given to a file beside the vault."""

    form = staticmethod(lambda text: text)
    which = "refresh_token"

    def put_token(self, server_id: str, token: OAuth2Token) -> None:
        super().put_token(server_id, token)
        Path(self.store.location.removeprefix("vault:")).with_name("cache.json").write_text(
            self.form(getattr(token, self.which))
        )


class LeakyAccess(Leaky):
    which = "access_token"


class LeakyBase64(Leaky):
    form = staticmethod(lambda text: b64encode(f"x{text}".encode()).decode())


class KeepsAccess(SecureTokenStorage):
    """Seals the access token into the record, as the guide's sample does."""

    def put_token(self, server_id: str, token: OAuth2Token) -> None:
        super().put_token(server_id, OAuth2Token(token.access_token, refresh_token=token.access_token))


def test_a_readable_refresh_token_is_found(vault_storage: SecureTokenStorage) -> None:
    assert found(audit(client(storage=Leaky(store=vault_storage.store)))) == {"ST-ENC-01"}


def test_base64_is_readable_too(vault_storage: SecureTokenStorage) -> None:
    assert found(audit(client(storage=LeakyBase64(store=vault_storage.store)))) == {"ST-ENC-01"}


def test_a_readable_access_token_is_found(vault_storage: SecureTokenStorage) -> None:
    assert found(audit(client(storage=LeakyAccess(store=vault_storage.store)))) == {"ST-MEM-01"}


def test_a_sealed_access_token_is_found_as_well(vault_storage: SecureTokenStorage) -> None:
    assert found(audit(client(storage=KeepsAccess(store=vault_storage.store)))) == {"ST-MEM-01"}


def test_a_storage_that_nobody_can_vouch_for_is_an_uncertain_issue() -> None:
    class Unknown:
        pass

    report = audit(client(storage=Unknown()))

    assert not report.compliant
    assert {f.finding.certain for f in report.findings} == {False}
    assert dict(report.not_checked)["ST-ENC-01"].startswith("INCONCLUSIVE")


def test_no_storage_is_no_issue() -> None:
    report = audit(client())

    assert report.compliant
    assert dict(report.not_checked)["ST-ENC-01"].startswith("NOT_APPLICABLE")


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "ST-ENC-01",
        "ST-ENC-02",
        "ST-PERM-01",
        "ST-PERM-02",
        "ST-BIND-01",
        "ST-BIND-02",
        "ST-BIND-03",
        "ST-BIND-04",
    ]
