"""DPoP proofs: ES256, one core, one key; each for another request, with the hash of a token and a nonce.

Everybody makes the claims of RFC 9449 §4.2 in the way that its documentation shows. The limit is the
signature alone, as `cryptography` makes it, over as many bytes as a proof has.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from importlib import import_module
from secrets import token_urlsafe
from time import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from benchmarks.measure import repeated, taking_turns
from benchmarks.peers import installed
from benchmarks.table import Row, Section
from mcp_vacuum.protocol.dpop import ProofKey

ROUNDS = 9
PROOFS = 2_000
METHOD, URL = "POST", "https://mcp.example.com/mcp"
TOKEN, NONCE = "t" * 800, "n" * 32
OURS, LIMIT = "mcp-vacuum", "cryptography: the signature alone"
Work = Callable[[int], None]


def dpop() -> Section:
    """Measure proofs a second."""
    key = ProofKey.generate(("ES256",))
    private = {**key.public_jwk, "d": json.loads(key.to_secret().reveal())["d"]}
    contenders: dict[str, Work] = {LIMIT: _bare(private), OURS: _ours(key)}
    for name, (package, make) in PEERS.items():
        if installed(package):
            contenders[name] = make(private)
    taken = taking_turns({name: repeated(work, PROOFS) for name, work in contenders.items()}, ROUNDS)
    rows = [_row(name, taken) for name in (LIMIT, OURS, *PEERS)]
    return Section(f"DPoP proofs, ES256, one core, {ROUNDS} interleaved runs of {PROOFS}", rows, LIMIT)


def _row(name: str, taken: Mapping[str, float]) -> Row:
    if name not in taken:
        return Row(name, None)
    ratio = taken[LIMIT] / taken[name]
    return Row(name, 1 / taken[name], "/s", ratio, ">= 0.71x (30 k of 42 k)" if name == OURS else "")


def _claims() -> dict[str, Any]:
    """What the caller of a JWT library has to put together for each proof."""
    ath = urlsafe_b64encode(sha256(TOKEN.encode()).digest()).rstrip(b"=").decode()
    return {
        "jti": token_urlsafe(16),
        "htm": METHOD,
        "htu": URL,
        "iat": int(time()),
        "ath": ath,
        "nonce": NONCE,
    }


def _header(private: Mapping[str, str]) -> dict[str, Any]:
    public = {name: private[name] for name in ("kty", "crv", "x", "y")}
    return {"typ": "dpop+jwt", "alg": "ES256", "jwk": public}


def _ours(key: ProofKey) -> Work:
    def work(times: int) -> None:
        for _ in range(times):
            key.proof(METHOD, URL, iat=int(time()), jti=token_urlsafe(16), nonce=NONCE, access_token=TOKEN)

    return work


def _bare(private: Mapping[str, str]) -> Work:
    from joserfc.jwk import ECKey

    pem = ECKey.import_key(dict(private)).as_pem(private=True)
    signer: Any = load_pem_private_key(pem, None)
    algorithm, message = ECDSA(SHA256()), b"m" * 500

    def work(times: int) -> None:
        for _ in range(times):
            signer.sign(message, algorithm)

    return work


def _pyjwt(private: Mapping[str, str]) -> Work:
    import jwt

    key, header = jwt.PyJWK({**private, "alg": "ES256"}).key, _header(private)

    def work(times: int) -> None:
        for _ in range(times):
            jwt.encode(_claims(), key, algorithm="ES256", headers=header)

    return work


def _joserfc(private: Mapping[str, str]) -> Work:
    from joserfc import jwt
    from joserfc.jwk import ECKey

    key, header = ECKey.import_key(dict(private)), _header(private)

    def work(times: int) -> None:
        for _ in range(times):
            jwt.encode(header, _claims(), key, algorithms=["ES256"])

    return work


def _requests_oauth2client(private: Mapping[str, str]) -> Work:
    jwk, dpop_key = import_module("jwskate").Jwk, import_module("requests_oauth2client").DPoPKey
    key = dpop_key(private_key=jwk({**private, "alg": "ES256"}), alg="ES256", rs_nonce=NONCE)

    def work(times: int) -> None:
        for _ in range(times):
            key.proof(htm=METHOD, htu=URL, ath=_claims()["ath"], nonce=NONCE)

    return work


PEERS: dict[str, tuple[str, Callable[[Mapping[str, str]], Work]]] = {
    "PyJWT": ("jwt", _pyjwt),
    "joserfc": ("joserfc", _joserfc),
    "requests_oauth2client": ("requests_oauth2client", _requests_oauth2client),
}
"""What is measured beside us: the package that it needs, and its way."""
