"""What somebody writes who has read the public names (DESIGN 2) and nothing else."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import mcp_vacuum
from mcp_vacuum import (
    AuthenticationError,
    DynamicClientRegistration,
    LoginRequired,
    MCPServerInfo,
    OAuth2Client,
    OAuth2Token,
    PKCEChallenge,
    RegistrationError,
    SecureTokenStorage,
    SecurityAuditor,
    SecurityRefused,
    StorageError,
    TokenManager,
)
from mcp_vacuum.lab import Lab, User
from tests.interop.leaks import find_leaks

REDIRECT = "http://127.0.0.1:8765/callback"
HEAVY = ("pydantic", "httpx2", "httpx", "keyring", "cryptography", "rich", "click", "typing", "dataclasses")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh machine."""
    monkeypatch.setenv("MCP_VACUUM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "file")
    return tmp_path / "home"


async def client_of(lab: Lab, storage: SecureTokenStorage) -> OAuth2Client:
    """Register, and configure a client."""
    server = MCPServerInfo(name="Lab", url=lab.mcp_url)
    registration = DynamicClientRegistration()
    credentials = await registration.register_client(
        f"{lab.issuer}/register", server, redirect_uris=(REDIRECT,)
    )
    return OAuth2Client(
        client_id=credentials.client_id,
        token_endpoint=f"{lab.issuer}/token",
        authorization_endpoint=f"{lab.issuer}/authorize",
        redirect_uri=REDIRECT,
        scope="mcp:tools",
        issuer=lab.issuer,
        resource=lab.resource,
        storage=storage,
    )


READS_ELSEWHERE = """
import asyncio, sys
from mcp_vacuum import OAuth2Client, SecureTokenStorage, TokenManager
async def main():
    storage = SecureTokenStorage()
    stored = await storage.get_token("lab")
    assert stored.access_token == "" and stored.is_expired
    token, authorize, client_id, redirect, issuer, resource = sys.argv[1:]
    more = {"issuer": issuer, "resource": resource}
    client = OAuth2Client(client_id, token, authorize, redirect, "mcp:tools", **more)
    print((await TokenManager(client, storage).get_valid_token("lab")).access_token)
asyncio.run(main())
"""


class TestStory:
    def test_register_log_in_store_refresh_and_forget(self, home: Path, lab: Lab) -> None:
        async def story() -> None:
            storage = SecureTokenStorage(service_name="mcp_vacuum")
            client = await client_of(lab, storage)
            request = client.authorization_request()
            token = await client.exchange(User().visit(request.url), request)
            await storage.store_token("lab", token)
            manager = TokenManager(client, storage)
            assert (await manager.get_valid_token("lab")).access_token == token.access_token
            assert await storage.get_token("lab") == token
            renewed = await client.refresh(token)
            await storage.store_token("lab", renewed)
            assert (await manager.get_valid_token("lab")).access_token == renewed.access_token
            await storage.delete_token("lab")
            await storage.delete_token("lab")
            assert await storage.get_token("lab") is None
            with pytest.raises(LoginRequired):
                await manager.get_valid_token("lab")

        asyncio.run(story())

    def test_another_process_gets_a_token_of_its_own(self, home: Path, lab: Lab) -> None:
        async def begin() -> OAuth2Client:
            storage = SecureTokenStorage()
            client = await client_of(lab, storage)
            request = client.authorization_request()
            await storage.store_token("lab", await client.exchange(User().visit(request.url), request))
            return client

        client = asyncio.run(begin())
        arguments = [
            client.token_endpoint,
            client.authorization_endpoint,
            client.client_id,
            REDIRECT,
            lab.issuer,
            lab.resource,
        ]
        done = subprocess.run(
            [sys.executable, "-c", READS_ELSEWHERE, *arguments], capture_output=True, text=True, check=False
        )

        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == lab.issued_access_tokens[-1]
        secrets = [("token", value) for value in (*lab.issued_access_tokens, *lab.issued_refresh_tokens)]
        secrets += [("code", value) for value in lab.issued_codes]
        assert find_leaks(home, secrets) == []

    def test_a_storage_of_another_name_is_another_vault(self, home: Path) -> None:
        async def story() -> tuple[OAuth2Token | None, OAuth2Token | None]:
            mine, other = SecureTokenStorage("my service"), SecureTokenStorage()
            await mine.store_token("x", OAuth2Token("at-1", refresh_token="rt-1"))
            return await mine.get_token("x"), await other.get_token("x")

        found, nothing = asyncio.run(story())

        assert found is not None
        assert (found.access_token, nothing) == ("at-1", None)

    def test_a_manager_of_another_client_is_refused(self, home: Path, lab: Lab) -> None:
        async def story() -> None:
            storage = SecureTokenStorage()
            client = await client_of(lab, storage)
            request = client.authorization_request()
            await storage.store_token("lab", await client.exchange(User().visit(request.url), request))
            other = await client_of(lab, storage)
            lab.recorder.clear()
            with pytest.raises(SecurityRefused):
                await TokenManager(other, storage).get_valid_token("lab")
            assert lab.recorder.requests == ()

        asyncio.run(story())

    def test_the_auditor_finds_a_good_client_compliant(self, home: Path, lab: Lab) -> None:
        client = asyncio.run(client_of(lab, SecureTokenStorage()))
        report = SecurityAuditor().audit_oauth_flow(client)
        if asyncio.iscoroutine(report):
            report = asyncio.run(report)

        assert (report.compliant, list(report.issues)) == (True, [])

    def test_a_registration_that_is_refused(self, lab: Lab, home: Path) -> None:
        lab.faults.registration_status = 403
        with pytest.raises(RegistrationError):
            asyncio.run(client_of(lab, SecureTokenStorage()))

        assert issubclass(RegistrationError, AuthenticationError)

    def test_a_vault_whose_key_is_gone_is_an_error_and_stays(self, home: Path) -> None:
        async def story() -> None:
            await SecureTokenStorage().store_token("x", OAuth2Token("at", refresh_token="rt"))
            key = home / "vault.key"
            content = key.read_bytes()
            key.unlink()
            with pytest.raises(StorageError):
                await SecureTokenStorage().get_token("x")
            key.write_bytes(content)
            key.chmod(0o600)
            found = await SecureTokenStorage().get_token("x")
            assert found is not None

        asyncio.run(story())


class TestPKCEChallenge:
    def test_challenge_and_verifier_in_this_order(self) -> None:
        challenge, verifier = PKCEChallenge.generate_challenge()
        digest = hashlib.sha256(verifier.encode()).digest()

        assert challenge == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        assert len(base64.urlsafe_b64decode(verifier + "==")) == 64

    def test_each_is_fresh(self) -> None:
        assert len({PKCEChallenge.generate_challenge() for _ in range(50)}) == 50


class TestOAuth2Token:
    def test_defaults(self) -> None:
        before = time.time()
        token = OAuth2Token(access_token="at-secret-of-mine")

        assert (token.token_type, token.expires_in) == ("Bearer", 3600)
        assert (token.refresh_token, token.scope) == (None, None)
        assert before <= token.created_at <= time.time()
        assert not token.is_expired

    @pytest.mark.parametrize(("age", "expired"), [(0, False), (3500, False), (3545, True), (4000, True)])
    def test_the_buffer_is_a_minute(self, age: float, expired: bool) -> None:
        assert OAuth2Token("at", created_at=time.time() - age).is_expired is expired

    @pytest.mark.parametrize("lifetime", [0, -1])
    def test_a_lifetime_is_positive(self, lifetime: int) -> None:
        with pytest.raises(ValueError, match="expires_in"):
            OAuth2Token("at", expires_in=lifetime)

    def test_its_repr_shows_no_secret(self) -> None:
        token = OAuth2Token("at-secret-of-mine", refresh_token="rt-secret-of-mine")

        assert "secret" not in f"{token!r} {token}"

    def test_it_is_frozen(self) -> None:
        with pytest.raises(AttributeError):
            OAuth2Token("at").access_token = "other"  # type: ignore[misc]


class TestImport:
    def test_it_loads_nothing_heavy(self) -> None:
        """Compared with what the interpreter itself loads at its start, here and now."""
        show = "import sys; print(' '.join(sorted(sys.modules)))"
        bare, ours = (_output(code) for code in (show, f"import mcp_vacuum; {show}"))
        new = set(ours.split()) - set(bare.split())

        assert "mcp_vacuum" in new
        assert {name.partition(".")[0] for name in new} & set(HEAVY) == set()

    def test_even_a_bare_interpreter_stays_light(self) -> None:
        """Without site and its .pth files nothing hides what we import."""
        source = str(Path(mcp_vacuum.__file__).parents[1])
        code = f"import sys; sys.path.insert(0, {source!r}); import mcp_vacuum; print(' '.join(sys.modules))"
        loaded = {name.partition(".")[0] for name in _output(code, "-I", "-S").split()}

        assert "mcp_vacuum" in loaded
        assert loaded & set(HEAVY) == set()

    @pytest.mark.parametrize("name", mcp_vacuum.__all__)
    def test_every_public_name_is_there(self, name: str) -> None:
        assert getattr(mcp_vacuum, name) is not None
        assert name in dir(mcp_vacuum)

    def test_another_name_is_not(self) -> None:
        with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
            _ = mcp_vacuum.nonsense

    def test_a_star_import_gives_the_names_of_all(self) -> None:
        names = _output("from mcp_vacuum import *; print(' '.join(n for n in dir() if n[0] != '_'))").split()

        assert set(mcp_vacuum.__all__) - {"__version__"} <= set(names)


def _output(code: str, *flags: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    return subprocess.run(
        [sys.executable, *flags, "-c", code], capture_output=True, text=True, check=True, env=environment
    ).stdout
