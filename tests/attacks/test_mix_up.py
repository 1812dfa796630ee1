"""Mix-up: a code of an honest server is sent to an attacker's token endpoint."""

from __future__ import annotations

import json
import re
from urllib.parse import urlencode

from mcp_vacuum.errors import LoginDeclined, SecurityRefused
from mcp_vacuum.lab import Lab
from tests.attacks.hostile import Got, Hostile, Reply
from tests.attacks.kit import Loot, Sees, attack, attacks, defence, in_the_test
from tests.attacks.world import World

ISS = defence(
    "`iss` is compared before anything is believed", {"protocol.authorization._check_iss": lambda *_: None}
)
OWN_REDIRECT = in_the_test(
    "a registration belongs to one issuer, with a port of its own",
    "`login_client.py: ClientChoice._kept_registration`",
    lambda patch: patch.setattr("mcp_vacuum.login_client.ClientChoice._kept_registration", _any_issuers),
)


def _any_issuers(choice: object) -> object:
    """Careless: whichever registration is there is used again."""
    store = choice.attempt.store  # type: ignore[attr-defined]
    return store.registration("the-only-one")


def _between(lab: Lab, evil: Hostile) -> None:
    """Have the attacker's authorization endpoint send the browser on to the honest server's."""

    def registered_for_the_victim(got: Got) -> Reply:
        asked = got.json
        lab.add_client("victim-at-honest", redirect_uris=asked["redirect_uris"])
        return Reply.document(json.dumps({**asked, "client_id": "victim-at-honest"}), 201)

    def on_to_the_honest(got: Got) -> Reply:
        asked = {name: values[0] for name, values in got.query.items()}
        asked |= {"client_id": "victim-at-honest", "resource": lab.resource}
        return Reply.to(f"{lab.issuer}/authorize?{urlencode(asked)}")

    evil.answers |= {"/register": registered_for_the_victim, "/authorize": on_to_the_honest}


@attacks(
    "mix-up, the attacker's metadata {}",
    {"promises iss": True, "says nothing of iss": None, "denies iss": False},
    source="RFC 9700 §4.4.1, RFC 9207 §2.4",
    defence=ISS,
    sees=Sees(SecurityRefused, "RFC 9207 §2.4"),
)
def test_code_of_the_honest_server(world: World, promised: bool | None) -> Loot:
    lab, evil = world.lab(), world.hostile()
    evil.metadata["authorization_response_iss_parameter_supported"] = promised
    _between(lab, evil)
    world.log_in(evil.url)
    return evil.forms("/token", "code", "code_verifier")


@attack(
    "mix-up without iss, with the client that the honest server knows",
    source="RFC 9700 §4.4.2.2, MCP authorization, Mix-Up Attacks",
    defence=OWN_REDIRECT,
    sees=Sees(LoginDeclined),
)
def test_client_of_the_honest_server(world: World) -> Loot:
    """The attacker uses the victim's own registration; its redirect URI is not where this login listens.

    The honest server shows an error page instead of redirecting, so nobody comes.
    """
    lab, evil = world.lab(iss_parameter=False), world.hostile()
    world.log_in(lab.mcp_url)
    kept = world.store.registration(lab.issuer)
    assert kept is not None
    world.store.put_registration(
        type(kept)(client_id=kept.client_id, issuer="the-only-one", redirect_uris=kept.redirect_uris)
    )

    def on_to_the_honest(got: Got) -> Reply:
        asked = {name: values[0] for name, values in got.query.items()}
        asked |= {"client_id": kept.client_id, "resource": lab.resource}
        return Reply.to(f"{lab.issuer}/authorize?{urlencode(asked)}")

    evil.answers["/authorize"] = on_to_the_honest
    world.log_in(evil.url, timeout=0.3)
    return evil.forms("/token", "code", "code_verifier")


@attack(
    "another server's error text is shown as the server's own",
    source="MCP authorization, Authorization Response Validation; RFC 9207 §2.4",
    defence=ISS,
    sees=Sees(SecurityRefused, "RFC 9207 §2.4"),
)
def test_error_of_another_server(world: World) -> Loot:
    evil = world.hostile()
    lie = "call +1 555 0100 and read your code aloud"
    evil.callback = {
        "code": [],
        "error": ["server_error"],
        "error_description": [lie],
        "iss": ["https://x.example"],
    }
    world.log_in(evil.url)
    return ["the user read the attacker's words"] if lie in str(world.error) else []


@attack(
    "iss is left out although it was promised",
    source="RFC 9207 §2.4",
    defence=ISS,
    sees=Sees(SecurityRefused, "RFC 9207 §2.4", "promises iss"),
)
def test_promised_iss_is_missing(world: World) -> Loot:
    evil = world.hostile(metadata={"authorization_response_iss_parameter_supported": True})
    world.log_in(evil.url)
    return evil.forms("/token", "code", "code_verifier")


def _loosely(left: str, right: str) -> bool:
    from urllib.parse import unquote

    return re.sub(r":443(?=/)", "", unquote(left).lower().rstrip("/")) == right.lower().rstrip("/")


@attacks(
    "iss that only looks alike: {}",
    {
        "upper case": str.upper,
        "a slash more": lambda iss: f"{iss}/",
        "an escape": lambda iss: iss.replace("tenant", "%74enant"),
        "a default port": lambda iss: iss.replace("/tenant", ":443/tenant"),
    },
    source="RFC 9207 §2.4, RFC 3986 §6.2.1, MCP authorization: MUST NOT normalise",
    defence=defence(
        "identifiers are compared character by character", {"protocol.authorization._same": _loosely}
    ),
    sees=Sees(SecurityRefused, "RFC 9207 §2.4"),
)
def test_iss_that_looks_alike(world: World, changed: object) -> Loot:
    """Two tenants of one host differ in less than this."""
    evil = world.hostile()
    issuer = f"{evil.origin}/tenant"
    evil.resource_metadata = {"authorization_servers": [issuer]}
    evil.metadata["issuer"] = issuer
    evil.callback = {"iss": [changed(issuer)]}  # type: ignore[operator]
    world.log_in(evil.url)
    return evil.forms("/token", "code")
