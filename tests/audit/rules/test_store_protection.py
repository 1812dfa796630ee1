"""Storage rules, on a storage that keeps its promises and on storages that do not."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from mcp_vacuum import OAuth2Token, SecureTokenStorage
from mcp_vacuum.audit.evidence.store import VaultSeen
from mcp_vacuum.audit.rule import Severity, Verdict
from mcp_vacuum.audit.rules.store_protection import (
    RULES,
    no_stored_access_tokens,
    stored_key_is_kept_elsewhere,
    stored_secrets_encrypted,
)
from mcp_vacuum.storage.passphrase_source import Recipe
from tests.audit.conftest import audit, client, found
from tests.audit.stored import HOME, evidence, judged


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


def test_a_keyring_or_a_passphrase_as_we_make_it_is_fine() -> None:
    for seen in (
        evidence(),
        evidence(
            vault=VaultSeen("v", {"key_source": "passphrase", "key_recipe": Recipe("ab" * 16).text()}, ())
        ),
    ):
        assert judged(stored_key_is_kept_elsewhere, seen).verdict is Verdict.PASS


def test_a_short_salt_and_a_recipe_that_is_none() -> None:
    for recipe, why in (
        (Recipe("ab").text(), "the salt of the passphrase has 1 bytes"),
        ("{}", "it is no recipe for a key that this version knows"),
    ):
        (flaw,) = judged(
            stored_key_is_kept_elsewhere, evidence(vault=VaultSeen("v", {"key_recipe": recipe}, ()))
        ).findings
        assert flaw.why == why


def test_a_key_file_elsewhere_is_told_from_one_beside_the_vault() -> None:
    for key, where, severity in (
        (f"{HOME}/vault.key", "beside the vault", Severity.HIGH),
        ("~/keys/vault.key", "in a file", Severity.LOW),
    ):
        seen = evidence(vault=VaultSeen(f"{HOME}/vault.db", {"key_source": "file"}, (), key))
        (flaw,) = judged(stored_key_is_kept_elsewhere, seen).findings
        assert where in flaw.why
        assert flaw.severity is severity


def test_without_a_vault_and_other_programs_there_is_nothing_to_judge() -> None:
    seen = evidence(vault=None, logins=())

    for rule in (stored_secrets_encrypted, stored_key_is_kept_elsewhere, no_stored_access_tokens):
        assert judged(rule, seen).verdict is Verdict.NOT_APPLICABLE


def test_what_could_not_be_looked_at_is_said() -> None:
    judgement = judged(stored_secrets_encrypted, evidence(unseen=("~/.codex/auth.json cannot be read",)))

    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.not_checked == ("INCONCLUSIVE: ~/.codex/auth.json cannot be read",)


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "ST-ENC-01",
        "ST-ENC-02",
    ]
