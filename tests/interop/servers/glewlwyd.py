"""Glewlwyd, the Debian package, with its OpenID Connect plugin set up: an authorization server in C.

`python -m servers.glewlwyd --port PORT --folder EMPTY_FOLDER`. Ends with its standard input.
"""

import argparse
import gzip
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

TABLES = Path("/usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz")
MODULES = Path("/usr/lib/glewlwyd")
START_TIMEOUT = 10.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    base = f"http://127.0.0.1:{options.port}"
    with closing(sqlite3.connect(options.folder / "glewlwyd.db")) as database:
        database.executescript(gzip.decompress(TABLES.read_bytes()).decode())
    configuration = options.folder / "glewlwyd.conf"
    configuration.write_text(_configuration(options.port, options.folder))
    server = subprocess.Popen(["glewlwyd", "-c", str(configuration)], stdin=subprocess.DEVNULL)
    try:
        _set_up(base)
        while sys.stdin.buffer.read(4096):
            pass
    finally:
        server.terminate()
        server.wait(5)


def _configuration(port: int, folder: Path) -> str:
    return f"""
port={port}
bind_address="127.0.0.1"
external_url="http://127.0.0.1:{port}"
login_url="login.html"
api_prefix="api"
log_mode="console"
log_level="WARNING"
cookie_secure=0
session_key="GLEWLWYD2_SESSION_ID"
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="{MODULES}/user"
client_module_path="{MODULES}/client"
user_auth_scheme_module_path="{MODULES}/scheme"
plugin_module_path="{MODULES}/plugin"
use_secure_connection=false
secure_connection_key_file="{folder}/unused"
secure_connection_pem_file="{folder}/unused"
secure_connection_ca_file="{folder}/unused"
hash_algorithm="SHA512"
database = {{ type = "sqlite3"; path = "{folder}/glewlwyd.db"; }};
"""


def _set_up(base: str) -> None:
    """Make the plugin, as its administrator; the name and password are those of the package's tables."""
    with httpx2.Client(base_url=base, trust_env=False) as admin:
        _wait_for(admin)
        admin.post("/api/auth/", json={"username": "admin", "password": "password"}).raise_for_status()
        scope = {"name": "mcp:tools", "display_name": "tools", "password_required": True, "scheme": {}}
        admin.post("/api/scope/", json={**scope, "password_max_age": 0}).raise_for_status()
        plugin = {"module": "oidc", "name": "oidc", "display_name": "oidc", "order_rank": 0}
        made = admin.post("/api/mod/plugin/", json={**plugin, "parameters": _parameters(base)})
        if made.status_code != 200:
            raise RuntimeError(f"the plugin was refused: {made.text}")


def _wait_for(admin: httpx2.Client) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        try:
            admin.get("/config")
        except httpx2.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _parameters(base: str) -> dict[str, Any]:
    key = rsa.generate_private_key(65537, 2048)
    off = (
        *("auth-type-token-enabled", "auth-type-implicit-enabled", "auth-type-none-enabled"),
        *("auth-type-password-enabled", "auth-type-device-enabled", "pkce-method-plain-allowed"),
        *("request-parameter-allow", "request-uri-allow-https-non-secure", "encrypt-out-token-allow"),
        *("introspection-revocation-allow-target-client", "register-client-token-one-use"),
        *("register-resource-specify-allowed", "resource-allowed", "oauth-par-allowed"),
        *("oauth-rar-allowed", "oauth-ciba-allowed", "session-management-allowed"),
        *("front-channel-logout-allowed", "back-channel-logout-allowed", "oauth-dpop-allowed"),
    )
    on = (
        *("allow-non-oidc", "auth-type-code-enabled", "auth-type-code-revoke-replayed"),
        *("auth-type-client-enabled", "auth-type-refresh-enabled", "jwks-show", "refresh-token-rolling"),
        *("pkce-allowed", "pkce-required", "pkce-required-public-client", "request-parameter-ietf-strict"),
        *("introspection-revocation-allowed", "register-client-allowed", "oauth-as-iss-id"),
        "register-client-management-allowed",
    )
    return {
        **dict.fromkeys(off, False),
        **dict.fromkeys(on, True),
        "iss": f"{base}/api/oidc",
        "jwt-type": "rsa",
        "jwt-key-size": "256",
        "key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "cert": key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        "access-token-duration": 300,
        "refresh-token-duration": 86400,
        "refresh-token-one-use": "always",
        "code-duration": 60,
        "subject-type": "public",
        "allowed-scope": ["openid", "mcp:tools"],
        "scope": [],
        "additional-parameters": [],
        "claims": [],
        "request-maximum-exp": 3600,
        "client-pubkey-parameter": "pubkey",
        "client-jwks-parameter": "jwks",
        "client-jwks_uri-parameter": "jwks_uri",
        "pkce-scopes": [],
        "introspection-revocation-auth-scope": [],
        "register-client-auth-scope": [],
        "register-client-credentials-scope": [],
        "register-resource-default": [],
        "register-default-properties": {},
        "client-cert-source": "",
        "restrict-scope-client-property": "",
    }


if __name__ == "__main__":
    main()
