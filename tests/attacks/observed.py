"""Which client fell to which hostile server of `peers.py`; `test_peers.py` observes it again.

With mcp 2.3 and fastmcp 4.2: (the SDK's provider, FastMCP's, our drop-in for each).
"""

from __future__ import annotations

VERSIONS = {"mcp": "2.3.", "fastmcp": "4.2."}
OBSERVED: dict[str, tuple[bool, bool, bool, bool]] = {
    "mix-up: the attacker's server sends the browser to an honest one that states `iss`": (
        False,
        False,
        False,
        False,
    ),
    "`iss` of another server in the answer": (False, False, False, False),
    "promised `iss` is left out": (False, False, False, False),
    "server metadata names another issuer": (False, False, False, False),
    "metadata of another server's resource": (False, False, False, False),
    "PKCE is not advertised": (True, True, False, False),
    "PKCE is advertised as plain alone": (True, True, False, False),
    "the answer carries another `state`": (False, False, False, False),
    "`authorization_endpoint` is a script": (False, False, False, False),
    "`authorization_endpoint` is a file": (False, False, False, False),
    "`authorization_endpoint` is plain http on the internet": (True, True, False, False),
    "`authorization_endpoint` hides its host behind a user name": (True, True, False, False),
    "metadata without an end": (True, True, False, False),
    "metadata that unpacks to 64 MiB": (True, True, False, False),
    "the token endpoint redirects code and verifier to another origin": (False, False, False, False),
    "resource metadata redirects to another origin": (False, False, False, False),
    "the authorization server is the cloud's metadata service": (True, True, False, False),
    "the authorization server is plain http on the internet": (True, True, False, False),
    "the metadata is hidden, traps lie at `/authorize`, `/token` and `/register`": (True, True, False, False),
    "one client object calls another host": (True, True, False, False),
    "a redirect within the origin leaves the resource": (False, False, False, False),
    "the server moves to another authorization server, to get the old refresh token or client": (
        False,
        False,
        False,
        False,
    ),
    "another scope is asked for after each grant": (False, False, False, False),
    "`expires_in` is a number of 400 digits": (True, True, False, False),
    "the registration answers with the attacker's redirect URI alone": (True, True, False, False),
    "metadata disappears after the login, and the refresh token goes to the server itself": (
        True,
        True,
        False,
        False,
    ),
}
