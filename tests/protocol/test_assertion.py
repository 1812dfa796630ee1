from __future__ import annotations

import json
import warnings
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from mcp_vacuum.errors import AuthenticationError
from mcp_vacuum.models import ClientCredentials
from mcp_vacuum.protocol.assertion import (
    CLOCK_SKEW,
    LIFETIME,
    check_assertion,
    client_assertion,
    load_key,
    unverified_claims,
    with_signing_alg,
)
from mcp_vacuum.safety.secret import Secret

NOW = 1_000_000.0
ISSUER = "https://as.example"
RSA_KEY = rsa.generate_private_key(65537, 2048)


def pem(key: Any, password: bytes | None = None) -> Secret:
    how = BestAvailableEncryption(password) if password else NoEncryption()
    return Secret(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how).decode())


def client(key: Secret | None = None, alg: str | None = None) -> ClientCredentials:
    return ClientCredentials(
        client_id="c",
        issuer=ISSUER,
        private_key=key,
        signing_alg=alg,
        token_endpoint_auth_method="private_key_jwt",
    )


def refused(work: Any) -> AuthenticationError:
    with pytest.raises(AuthenticationError) as caught:
        work()
    return caught.value


KEYS: dict[str, tuple[Any, Any, tuple[str, ...]]] = {
    "P-256": (ec.generate_private_key(ec.SECP256R1()), ECKey, ("ES256",)),
    "P-384": (ec.generate_private_key(ec.SECP384R1()), ECKey, ("ES384",)),
    "P-521": (ec.generate_private_key(ec.SECP521R1()), ECKey, ("ES512",)),
    "Ed25519": (ed25519.Ed25519PrivateKey.generate(), OKPKey, ("Ed25519", "EdDSA")),
    "RSA": (RSA_KEY, RSAKey, ("PS256", "RS256", "PS384", "RS384", "PS512", "RS512")),
}


class TestClientAssertion:
    """RFC 7523 §2.2, §3; rfc7523bis: the issuer is the audience, and the type says what it is."""

    @pytest.mark.parametrize("kind", KEYS)
    @pytest.mark.parametrize("form", ["pem", "jwk"])
    def test_every_key_signs_with_each_of_its_algorithms(self, kind: str, form: str) -> None:
        key, jose, algorithms = KEYS[kind]
        public = jose.import_key(
            key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        text = pem(key)
        if form == "jwk":
            text = Secret(json.dumps(jose.import_key(text.reveal()).as_dict(private=True)))

        assert load_key(text)[1] == algorithms
        for alg in algorithms:
            made = client_assertion(client(text, alg), now=NOW, jti="j")
            with warnings.catch_warnings(action="ignore"):
                read = jwt.decode(made, public, algorithms=[alg])
            assert read.header == {"alg": alg, "typ": "client-authentication+jwt"}
            assert read.claims == {
                "iss": "c", "sub": "c", "aud": ISSUER, "iat": NOW, "exp": NOW + LIFETIME, "jti": "j"
            }  # fmt: skip

    def test_without_a_wish_it_is_the_first_algorithm_of_the_key(self) -> None:
        made = client_assertion(client(pem(RSA_KEY)), now=NOW, jti="j")

        assert jwt.decode(made, RSAKey.import_key(pem(RSA_KEY).reveal()), algorithms=["PS256"])

    def test_a_secret_signs_too(self) -> None:
        secret = "s" * 32
        with_secret = ClientCredentials(
            client_id="c",
            issuer=ISSUER,
            client_secret=Secret(secret),
            token_endpoint_auth_method="client_secret_jwt",
        )
        made = client_assertion(with_secret, now=NOW, jti="j")

        assert jwt.decode(made, OctKey.import_key(secret), algorithms=["HS256"]).claims["aud"] == ISSUER


class TestWrongKey:
    """RFC 7518 §3.1: which key signs with which algorithm."""

    @pytest.mark.parametrize(
        ("kind", "alg"), [("P-256", "RS256"), ("P-384", "ES256"), ("RSA", "ES256"), ("RSA", "none")]
    )
    def test_a_key_that_cannot_do_the_algorithm(self, kind: str, alg: str) -> None:
        error = refused(lambda: client_assertion(client(pem(KEYS[kind][0]), alg), now=NOW, jti="j"))

        assert error.spec == "RFC 7518 §3.1"
        assert alg in error.message

    def test_a_curve_that_nobody_asked_for(self) -> None:
        error = refused(lambda: load_key(pem(ec.generate_private_key(ec.SECP256K1()))))

        assert error.spec == "RFC 7518 §3.1"

    @pytest.mark.parametrize(
        "text",
        [
            "x",
            "{",
            "{}",
            '{"kty": "EC"}',
            '{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "AA"}',
            '{"kty": ["EC"]}',
            "[1]",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
            "\ud800",
        ],
    )
    def test_what_is_no_key(self, text: str) -> None:
        assert refused(lambda: load_key(Secret(text))).spec == "RFC 7517 §4"

    def test_a_key_with_a_password(self) -> None:
        assert refused(lambda: load_key(pem(RSA_KEY, b"pw"))).spec == "RFC 7517 §4"

    def test_a_kind_of_key_that_no_algorithm_here_uses(self) -> None:
        assert refused(lambda: load_key(pem(ed448.Ed448PrivateKey.generate()))).spec is not None

    def test_a_short_secret_is_the_other_sides_choice(self) -> None:
        """The suite turns warnings into errors: joserfc's must not reach anybody."""
        short = ClientCredentials(
            client_id="c",
            issuer=ISSUER,
            client_secret=Secret("short"),
            token_endpoint_auth_method="client_secret_jwt",
        )

        assert client_assertion(short, now=NOW, jti="j").count(".") == 2

    def test_a_symmetric_key_is_no_private_key(self) -> None:
        assert refused(lambda: load_key(Secret('{"kty": "oct", "k": "AAAA"}'))).spec == "RFC 7518 §3.1"

    def test_the_public_half(self) -> None:
        public = json.dumps(RSAKey.import_key(pem(RSA_KEY).reveal()).as_dict(private=False))

        assert refused(lambda: load_key(Secret(public))).spec == "RFC 7515 §4"

    @pytest.mark.parametrize("method", ["private_key_jwt", "client_secret_jwt"])
    def test_no_key_at_all(self, method: Any) -> None:
        without = ClientCredentials(client_id="c", issuer=ISSUER, token_endpoint_auth_method=method)

        assert refused(lambda: client_assertion(without, now=NOW, jti="j")).spec == "RFC 7523 §2.2"

    def test_no_error_shows_the_key(self) -> None:
        secret = pem(KEYS["P-256"][0])
        error = refused(lambda: client_assertion(client(secret, "RS256"), now=NOW, jti="j"))

        assert secret.reveal() not in f"{error!r} {error.hint}"
        assert error.__cause__ is None


class TestWithSigningAlg:
    """RFC 8414 §2, `token_endpoint_auth_signing_alg_values_supported`."""

    @pytest.mark.parametrize(
        ("kind", "supported", "chosen"),
        [
            ("RSA", ("RS256", "ES256"), "RS256"),
            ("RSA", ("RS256", "PS256"), "PS256"),
            ("RSA", None, None),
            ("RSA", (), None),
            ("Ed25519", ("EdDSA",), "EdDSA"),
        ],
    )
    def test_the_first_of_the_keys_that_is_listed(
        self, kind: str, supported: tuple[str, ...] | None, chosen: str | None
    ) -> None:
        assert with_signing_alg(client(pem(KEYS[kind][0])), supported).signing_alg == chosen

    def test_a_persons_choice_stays(self) -> None:
        given = client(pem(RSA_KEY), "PS512")

        assert with_signing_alg(given, ("RS256",)) is given

    def test_none_that_the_key_can_do(self) -> None:
        error = refused(lambda: with_signing_alg(client(pem(KEYS["P-256"][0])), ("RS256", "ES384")))

        assert error.spec == "RFC 8414 §2"
        assert "RS256, ES384" in error.message


def foreign(**claims: Any) -> Secret:
    """An assertion that somebody else signed."""
    return Secret(jwt.encode({"alg": "HS256"}, claims, OctKey.import_key("k" * 32)))


def check(token: Secret) -> None:
    check_assertion(token, audiences=(ISSUER, f"{ISSUER}/token"), now=NOW)


class TestCheckAssertion:
    """RFC 7523 §3, as far as a client can see it."""

    @pytest.mark.parametrize(
        "claims",
        [
            {},
            {"exp": NOW + 1, "aud": ISSUER},
            {"exp": NOW - CLOCK_SKEW, "nbf": NOW + CLOCK_SKEW},
            {"aud": f"{ISSUER}/"},
            {"aud": f"{ISSUER}/token"},
            {"aud": ["https://other.example", ISSUER]},
            {"aud": []},
            {"aud": 7},
            {"exp": "soon", "nbf": "later"},
        ],
    )
    def test_what_may_be_of_use_passes(self, claims: dict[str, Any]) -> None:
        check(foreign(**claims))

    @pytest.mark.parametrize("text", ["opaque", "a.b", "a.b.c", "a.W10.c", "...."])
    def test_what_is_no_jwt_may_be_opaque(self, text: str) -> None:
        check(Secret(text))

    def test_expired(self) -> None:
        error = refused(lambda: check(foreign(exp=NOW - CLOCK_SKEW - 1)))

        assert error.spec == "RFC 7523 §3 (4)"
        assert "expired 31 s ago" in error.message

    def test_not_valid_yet(self) -> None:
        error = refused(lambda: check(foreign(nbf=NOW + CLOCK_SKEW + 1)))

        assert error.spec == "RFC 7523 §3 (5)"
        assert "clock" in error.message

    @pytest.mark.parametrize("aud", ["https://other.example", ["https://a.example"], f"{ISSUER}.evil"])
    def test_for_somebody_else(self, aud: Any) -> None:
        error = refused(lambda: check(foreign(aud=aud)))

        assert error.spec == "RFC 7523 §3 (3)"
        assert error.hint == f"have it issued for {ISSUER}"

    def test_the_token_itself_is_in_no_error(self) -> None:
        token = foreign(aud="x", sub="s3cr3t")
        error = refused(lambda: check(token))

        assert token.reveal() not in f"{error!r}{error.hint}"
        assert "s3cr3t" not in f"{error!r}{error.hint}"


@given(st.text(min_size=1, max_size=40))
def test_no_text_makes_reading_claims_fail(text: str) -> None:
    assert unverified_claims(Secret(text)) is None or "." in text


@given(st.binary(max_size=40))
def test_no_payload_makes_reading_claims_fail(payload: bytes) -> None:
    from base64 import urlsafe_b64encode

    unverified_claims(Secret(f"h.{urlsafe_b64encode(payload).decode().rstrip('=')}.s"))
