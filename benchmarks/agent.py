"""The agent: a token for the shell, requests a second, memory; beside oidc-agent, which is written in C."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.measure import Timed, process, taking_turns
from benchmarks.scene import log_in, scratch_home, somebody_who_agrees
from benchmarks.startup import PASS
from benchmarks.table import Row, Section
from mcp_vacuum.agent import client, wire
from mcp_vacuum.agent.source import adopt, start_agent
from mcp_vacuum.lab import Lab, LabConfig
from mcp_vacuum.login import LoginOptions, login_blocking
from mcp_vacuum.models import ClientCredentials
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.opening import memory_store, open_store

ROUNDS, REQUESTS = 21, 2000
TOKEN, PEER = "mcp-vacuum token, agent running", "oidc-token (C), oidc-agent running"
SCOPES = ("openid", "profile", "mcp:tools")
"""What oidc-agent asks for with each refresh, and one of ours."""
CALLBACK = "http://127.0.0.1:4242/callback"
AGENT = "MCP_VACUUM_AGENT"


def shell_tokens() -> Section:
    """Measure a whole `token` process with the agent running."""
    with _agent() as (home, url), _oidc_agent() as peer_environment:
        program = str(Path(sys.executable).with_name("mcp-vacuum"))
        commands: dict[str, Timed] = {
            PASS: process([sys.executable, "-c", "pass"]),
            TOKEN: process([program, "token", url], dict(os.environ)),
        }
        if peer_environment:
            commands[PEER] = process(["oidc-token", "bench"], peer_environment)
        taken = taking_turns(commands, ROUNDS)
        del home
    rows = [
        Row(PASS, taken[PASS] * 1000, "ms", 1.0),
        Row(TOKEN, taken[TOKEN] * 1000, "ms", taken[TOKEN] / taken[PASS], "<= 2.5x"),
        Row(PEER, taken[PEER] * 1000, "ms", taken[PEER] / taken[PASS]) if PEER in taken else Row(PEER, None),
    ]
    return Section(f"A token for the shell, whole process, {ROUNDS} interleaved runs", rows, PASS)


def agent() -> Section:
    """Measure what one agent answers, and what it weighs."""
    with _agent() as (home, url):
        request = wire.Token(url, "default", 60.0)
        own = _per_second(lambda: client.ask(home, request))
        with client.connected(home) as connection:
            kept = _per_second(lambda: client.exchange(connection, request))
        weight = _resident(client.ask(home, wire.Status())["pid"])
    rows = [
        Row("requests, each with a connection of its own", own, "/s"),
        Row("requests over one connection", kept, "/s"),
        Row("resident memory, one login", weight, "MB"),
    ]
    return Section(f"The agent, {REQUESTS} requests of one client, asked and answered in turn", rows)


def _per_second(work: object) -> float:
    assert callable(work)
    work()
    began = time.perf_counter()
    for _ in range(REQUESTS):
        work()
    return REQUESTS / (time.perf_counter() - began)


def _resident(pid: int) -> float | None:
    """Return megabytes, where the system tells them."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return None


@contextmanager
def _agent() -> Iterator[tuple[Path, str]]:
    """Run an agent that holds the token of one login; end it after."""
    before = os.environ.get(AGENT)
    os.environ[AGENT] = "on"
    try:
        with scratch_home() as home, Lab() as lab:
            store = open_store()
            assert store is not None
            credential = log_in(lab.mcp_url, store).credential
            assert credential is not None
            start_agent()
            adopt(store, credential)
            try:
                yield home, lab.mcp_url
            finally:
                client.ask(home, wire.Stop())
    finally:
        os.environ.pop(AGENT)
        if before is not None:
            os.environ[AGENT] = before


@contextmanager
def _oidc_agent() -> Iterator[dict[str, str] | None]:
    """Run oidc-agent with one account of a laboratory's server; None where it is not installed."""
    if shutil.which("oidc-agent") is None:
        yield None
        return
    config = LabConfig(metadata_form="openid", require_resource=False, scopes_supported=SCOPES)
    with tempfile.TemporaryDirectory(prefix="oidc-agent-") as folder, Lab(config) as lab:
        environment = {**os.environ, "HOME": folder, "OIDC_CONFIG_DIR": folder, "OIDC_ENCRYPTION_PW": "bench"}
        started = subprocess.run(
            ["oidc-agent"], env=environment, capture_output=True, text=True, check=True, cwd=folder
        )
        for line in started.stdout.split(";"):
            name, _, value = line.strip().partition("=")
            if name in ("OIDC_SOCK", "OIDCD_PID"):
                environment[name] = value
        try:
            yield environment if _account(lab, environment) else None
        finally:
            os.kill(int(environment["OIDCD_PID"]), 15)


def _account(lab: Lab, environment: dict[str, str]) -> bool:
    """Give oidc-agent a refresh token of a confidential client; it takes no public one."""
    name, secret = "bench", "not a secret of anybody"
    lab.add_client(name, client_secret=secret, auth_method="client_secret_basic", redirect_uris=[CALLBACK])
    known = ClientCredentials(
        client_id=name,
        client_secret=Secret(secret),
        token_endpoint_auth_method="client_secret_basic",
        issuer=lab.issuer,
    )
    options = LoginOptions(client=known, redirect_uri=CALLBACK)
    token = login_blocking(lab.mcp_url, options, store=memory_store(), ways=somebody_who_agrees()).token
    assert token is not None
    command = ["oidc-gen", "--iss", lab.issuer, "--client-id", name]
    command += ["--client-secret", secret, "--rt", token.refresh_token or ""]
    command += ["--scope", " ".join((*SCOPES, "offline_access")), "--redirect-uri", "http://localhost:4242"]
    command += ["--pw-env", "--prompt=none", "--confirm-default", "bench"]
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode:
        print(done.stderr.decode()[-300:], file=sys.stderr)
    return done.returncode == 0
