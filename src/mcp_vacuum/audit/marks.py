"""Words of the laboratory by which rules recognise what a client did with them."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping

STRANGER = "https://attacker.example"
"""An issuer that no client was sent to."""

FORGED_CODE = "code-of-somebody-else"
"""An authorization code that nobody issued."""

FORGED_ERROR = "forged_error_of_another_issuer"
FORGED_LINE = "forged description of another issuer"
"""An error that a client must neither show nor act on."""

CONTROLS = "\x1b[2J\x1b]0;hostile-title\x07"
"""It clears a terminal and changes its title."""

LINE = "hostile-line: log in again at https://evil.example"
"""What begins a line of its own, if a line break before it is printed as it is."""

MARKUP = "<hostile-markup onload=alert(1)>"

HOSTILE_TEXT = f"refused{CONTROLS}\r\n{LINE}\n{MARKUP}"

SCRIPT_URL = "javascript:alert(1)//hostile"

ELSEWHERE = "https://evil.example/elsewhere"
"""Where a callback page must not send a browser."""

ID_TOKEN_NAME = "name-in-an-unsigned-id-token"
"""A claim of an ID token that nobody signed."""


def _part(of: Mapping[str, object]) -> str:
    return urlsafe_b64encode(json.dumps(of).encode()).rstrip(b"=").decode()


_CLAIMS = {"iss": STRANGER, "aud": "somebody-else", "sub": ID_TOKEN_NAME, "name": ID_TOKEN_NAME, "exp": 1}
UNSIGNED = f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(_CLAIMS)}."
"""An ID token that is wrong in every way: not signed, expired, of another issuer, for another client."""

STRAY = "a request of nobody in particular"
AFTER_LOGIN = "after the login"
OTHER_ADDRESS = "another address of this machine"
"""Why a client's listener is probed: what rules look for in `Answer.purpose`."""

NO_OTHER_ADDRESS = "this machine has no second loopback address"
"""A note: whether a listener is bound to all addresses could not be tried."""

UNREGISTERED_METHOD = "private_key_jwt"
"""The way of authentication that a server answers with, unasked."""
