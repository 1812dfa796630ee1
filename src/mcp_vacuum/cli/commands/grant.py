"""`mcp-vacuum grant`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from mcp_vacuum.agent.source import adopt
from mcp_vacuum.cli.completing import accounts, quirks, servers
from mcp_vacuum.cli.logins import Passphrase, as_json, as_text
from mcp_vacuum.cli.main import command
from mcp_vacuum.cli.ui import Ui
from mcp_vacuum.errors import UsageError
from mcp_vacuum.machine import GrantOptions, grant_blocking
from mcp_vacuum.models import DEFAULT_ACCOUNT, ClientCredentials
from mcp_vacuum.safety.secret import Secret, wrapped
from mcp_vacuum.storage.opening import open_store
from mcp_vacuum.tokens.facts import facts_of
from mcp_vacuum.tokens.machine import MACHINE_GRANTS

EXAMPLE = """mcp-vacuum grant https://mcp.example.com/mcp --as nightly --grant client_credentials \\
    --client-id nightly --client-key key.pem
mcp-vacuum grant https://mcp.example.com/mcp --as ci --grant jwt_bearer --token-from github-actions
mcp-vacuum token nightly"""
_TOKEN_TYPES = "urn:ietf:params:oauth:token-type:"
_LARGEST_KEY = 65536


@command(EXAMPLE)
@click.argument("url", shell_complete=servers)
@click.option("--as", "name", required=True, help="The name that it is kept under, for `token NAME`.")
@click.option("--grant", "kind", required=True, type=click.Choice(MACHINE_GRANTS), help="How tokens are had.")
@click.option("--client-id", help="The client, as the authorization server knows it.")
@click.option("--client-secret-stdin", is_flag=True, help="Read that client's secret from standard input.")
@click.option(
    "--client-key",
    metavar="FILE",
    type=click.Path(),
    help="A file with that client's private key, JWK or PEM (private_key_jwt).",
)
@click.option("--signing-alg", help="The algorithm of its assertions. Default: the key's own.")
@click.option(
    "--token-from",
    help="Where the assertion or subject token comes from, each time anew: "
    "file:PATH, env:NAME, command:CMD, kubernetes[:PATH] or github-actions.",
)
@click.option("--token-type", help="What a subject token is: id_token, access_token, jwt, saml2, or a URN.")
@click.option("--audience", help="Whom the token is for. Default: the authorization server.")
@click.option("--idp-token-endpoint", help="id_jag: the token endpoint of the identity provider.")
@click.option("--idp-client-id", help="id_jag: this client, as the identity provider knows it.")
@click.option("--scope", multiple=True, help="A scope to ask for; may be repeated.")
@click.option("--dpop", is_flag=True, help="Bind the tokens to a key (DPoP).")
@click.option(
    "--account",
    default=DEFAULT_ACCOUNT,
    shell_complete=accounts,
    help="A name for one of several logins to this server.",
)
@click.option("--resource", help="The resource identifier, where it is not the server's URL.")
@click.option(
    "--quirk",
    multiple=True,
    shell_complete=quirks,
    help="Tolerate one named deviation of this server; kept and shown.",
)
@click.option("--allow-private-network", is_flag=True, help="The server may point to private addresses.")
def grant(
    ui: Ui,
    url: str,
    name: str,
    kind: str,
    client_id: str | None,
    client_secret_stdin: bool,
    client_key: str | None,
    signing_alg: str | None,
    token_from: str | None,
    token_type: str | None,
    audience: str | None,
    idp_token_endpoint: str | None,
    idp_client_id: str | None,
    scope: tuple[str, ...],
    dpop: bool,
    account: str,
    resource: str | None,
    quirk: tuple[str, ...],
    allow_private_network: bool,
) -> None:
    """Get tokens as a machine, without a person, and keep how under a name like a login.

    One request is sent and nothing is tried twice: an error of the server is final, and no other grant
    takes its place. What is kept is how to ask; each new token is asked for in the same way.
    """
    options = GrantOptions(
        grant=kind,
        client=_client(client_id, client_secret_stdin, client_key, signing_alg),
        account=account,
        scope=tuple(word for item in scope for word in item.split()),
        token_from=token_from,
        token_type=_token_type(token_type),
        audience=audience,
        idp_token_endpoint=idp_token_endpoint,
        idp_client_id=idp_client_id,
        dpop=dpop,
        resource=resource,
        quirks=quirk,
        allow_private_network=allow_private_network,
    )
    passphrase = Passphrase()
    store = open_store(ask=passphrase)
    assert store is not None
    if store.notice:
        ui.note(store.notice)
    kept = grant_blocking(url, options, store=store, name=name)
    ui.step(f"the authorization server gave a token; get one with: mcp-vacuum token {name}")
    ui.gap()
    in_agent = adopt(store, kept, passphrase.told)
    facts = facts_of(kept, in_agent)
    ui.result(as_json(facts), as_text(ui, facts))


def _client(
    client_id: str | None, secret_from_stdin: bool, key_file: str | None, signing_alg: str | None
) -> ClientCredentials | None:
    """Return the client that the flags describe.

    Raises:
        UsageError: The flags do not fit together, or the key file cannot be read.
    """
    if signing_alg and not key_file:
        raise UsageError("--signing-alg needs --client-key")
    if secret_from_stdin and key_file:
        raise UsageError("a client has a secret or a key, not both", spec="OAuth 2.1 §2.4")
    if client_id is None:
        if secret_from_stdin or key_file:
            raise UsageError("a client secret or key needs --client-id")
        return None
    return ClientCredentials(
        client_id=client_id,
        client_secret=wrapped(sys.stdin.readline().strip()) if secret_from_stdin else None,
        private_key=_key(Path(key_file)) if key_file else None,
        signing_alg=signing_alg,
    )


def _key(path: Path) -> Secret:
    try:
        with path.open(encoding="ascii") as file:
            text = file.read(_LARGEST_KEY).strip()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UsageError(f"the key file {path} cannot be read: {why}") from None
    if not text:
        raise UsageError(f"the key file {path} is empty")
    return Secret(text)


def _token_type(word: str | None) -> str | None:
    """Return the URN of a short name (RFC 8693 §3); what has a colon is one already."""
    return f"{_TOKEN_TYPES}{word}" if word and ":" not in word else word
