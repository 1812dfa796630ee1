"""Warm tokens from the manager; records from the vault, beside bare SQLite and Fernet."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cryptography.fernet import Fernet

from benchmarks.measure import Timed, repeated, taking_turns
from benchmarks.scene import scratch_home
from benchmarks.table import Row, Section
from mcp_vacuum.client import OAuth2Client
from mcp_vacuum.models import ClientCredentials, Credential, OAuth2Token
from mcp_vacuum.safety.secret import wrapped
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.envelope import credential_to_dict
from mcp_vacuum.storage.opening import memory_store, open_store
from mcp_vacuum.storage.secure import SecureTokenStorage
from mcp_vacuum.tokens.manager import TokenManager

RECORDS = 100_000
ROUNDS, GETS, PUTS = 15, 300, 50
CALLS = 5000
GET, PUT = "vault get", "vault put"
BARE_GET, BARE_PUT = "SQLite + Fernet get", "SQLite + Fernet put"


def warm_token() -> Section:
    """Measure `get_valid_token` with a good token in memory."""

    async def calls() -> float:
        client = OAuth2Client(
            "c",
            "https://as.example.com/token",
            "https://as.example.com/authorize",
            "http://127.0.0.1/callback",
        )
        storage = SecureTokenStorage(store=memory_store())
        await storage.store_token("a", OAuth2Token("token", binding=client.binding))
        manager = TokenManager(client, storage)
        await manager.get_valid_token("a")
        began = time.perf_counter()
        for _ in range(CALLS):
            await manager.get_valid_token("a")
        return (time.perf_counter() - began) / CALLS

    taken = taking_turns({"warm": lambda: asyncio.run(calls())}, ROUNDS)
    rows = [Row("TokenManager.get_valid_token, from memory", taken["warm"] * 1e6, "µs")]
    return Section(f"A valid token in memory, {ROUNDS} x {CALLS} calls", rows)


def vault() -> Section:
    """Measure the vault at `RECORDS` records, in the same directory as the bare database."""
    with scratch_home() as home:
        store = open_store(home)
        assert store is not None
        for i in range(RECORDS):
            store.put(_credential(i), 0)
        taken = taking_turns({**_ours(store), **_bare(home / "bare.db")}, ROUNDS)
        store.close()
    rows = [
        Row(BARE_GET, taken[BARE_GET] * 1e6, "µs", 1.0),
        Row(GET, taken[GET] * 1e6, "µs", taken[GET] / taken[BARE_GET], "<= 1.5x (at 100,000)"),
        Row(BARE_PUT, taken[BARE_PUT] * 1e6, "µs", 1.0),
        Row(PUT, taken[PUT] * 1e6, "µs", taken[PUT] / taken[BARE_PUT], "<= 1.25x (at 100,000)"),
    ]
    title = f"Vault with {RECORDS} logins, synchronous=FULL, {ROUNDS} x {GETS} gets and {PUTS} puts"
    return Section(title, rows, "bare SQLite + Fernet")


def _ours(store: CredentialStore) -> dict[str, Timed]:
    choose = random.Random(1)

    def get(times: int) -> None:
        for _ in range(times):
            assert store.get(_name(choose.randrange(RECORDS))) is not None

    def put(times: int) -> None:
        # As a refresh does it: what was read is written back, one generation on.
        credential = store.get(_name(choose.randrange(RECORDS)))
        assert credential is not None
        first = credential.generation
        for generation in range(first, first + times):
            store.put(replace(credential, generation=generation + 1), generation)

    return {GET: repeated(get, GETS), PUT: repeated(put, PUTS)}


def _bare(path: Path) -> dict[str, Timed]:
    """Seal the same bytes with Fernet and keep them by key, and nothing else."""
    fernet = Fernet(Fernet.generate_key())
    base = sqlite3.connect(path, isolation_level=None)
    base.execute("PRAGMA journal_mode = WAL")
    base.execute("PRAGMA synchronous = FULL")
    base.execute("CREATE TABLE records (name TEXT PRIMARY KEY, sealed BLOB NOT NULL)")
    body = json.dumps(credential_to_dict(_credential(0))).encode()
    for i in range(RECORDS):
        base.execute("INSERT INTO records VALUES (?, ?)", (_name(i), fernet.encrypt(body)))
    choose = random.Random(1)

    def get(times: int) -> None:
        for _ in range(times):
            name = _name(choose.randrange(RECORDS))
            (sealed,) = base.execute("SELECT sealed FROM records WHERE name = ?", (name,)).fetchone()
            fernet.decrypt(sealed)

    def put(times: int) -> None:
        name = _name(choose.randrange(RECORDS))
        for _ in range(times):
            base.execute("UPDATE records SET sealed = ? WHERE name = ?", (fernet.encrypt(body), name))

    steps: dict[str, tuple[Callable[[int], None], int]] = {BARE_GET: (get, GETS), BARE_PUT: (put, PUTS)}
    return {name: repeated(work, times) for name, (work, times) in steps.items()}


def _name(i: int) -> str:
    return f"https://server-{i}.example.com/mcp"


def _credential(i: int) -> Credential:
    """Return a login of a usual size."""
    return Credential(
        server=_name(i),
        resource=_name(i),
        issuer="https://as.example.com",
        token_endpoint="https://as.example.com/token",
        revocation_endpoint="https://as.example.com/revoke",
        client=ClientCredentials(
            client_id=f"client-{i}",
            issuer="https://as.example.com",
            registration="dynamic",
            redirect_uris=("http://127.0.0.1:41000/callback",),
        ),
        redirect_uri="http://127.0.0.1:41000/callback",
        scope="mcp:tools mcp:resources mcp:prompts offline_access",
        refresh_token=wrapped("r" * 64),
        created_at=1.0,
        expires_at=1801.0,
        lifetime=1800,
        generation=1,
    )
