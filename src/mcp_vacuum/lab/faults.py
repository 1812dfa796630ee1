"""Everything the lab can do wrong, one switch each.

All faults are off by default and are read anew for every request, so a test
can switch them while the lab runs. Those that concern one endpoint answer
before the honest code runs, unless their description says otherwise.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Final, Literal

from mcp_vacuum.lab.messages import App, Request, Response

ABSENT: Final = "absent"
"""As `expires_in`, or as a value in an `…_override`: the member is left out of the document."""

_TOKEN_FAULTS = (
    "token_status",
    "token_error",
    "token_html",
    "token_delay",
    "token_reset_before",
    "token_reset_after",
    "token_half_body",
    "token_twice",
    "token_content_length",
    "token_type",
    "expires_in",
    "no_refresh_token",
    "omit_rotated_refresh_token",
    "token_override",
)


@dataclass(slots=True)
class Faults:
    """The switches. Assign to them at any time, from any thread."""

    # The authorization server's metadata (RFC 8414).
    metadata_status: int | None = None
    """This HTTP status and a plain text instead of the document."""
    metadata_html: bool = False
    """200 with an HTML page, as a captive portal or a single-page app answers."""
    metadata_redirect: str | None = None
    """302 to this URL."""
    big_metadata: int = 0
    """Padding of so many bytes inside an otherwise correct document."""
    slow_metadata: float = 0.0
    """Seconds of silence before the answer."""
    wrong_issuer: str | None = None
    """`issuer` is this string (RFC 8414 §3.3)."""
    no_pkce_advertised: bool = False
    """`code_challenge_methods_supported` is missing; S256 is enforced all the same."""
    pkce_plain_only: bool = False
    """`code_challenge_methods_supported` is `["plain"]`; S256 is enforced all the same."""
    metadata_override: Mapping[str, object] = field(default_factory=dict)
    """Members to replace in the document, or to drop with ABSENT."""

    # The protected resource's metadata (RFC 9728).
    resource_metadata_status: int | None = None
    """This HTTP status and a plain text instead of the document."""
    resource_metadata_html: bool = False
    """200 with an HTML page."""
    resource_metadata_redirect: str | None = None
    """302 to this URL."""
    big_resource_metadata: int = 0
    """Padding of so many bytes inside an otherwise correct document."""
    slow_resource_metadata: float = 0.0
    """Seconds of silence before the answer."""
    no_authorization_servers: bool = False
    """`authorization_servers` is missing."""
    wrong_resource: str | None = None
    """`resource` is this string (RFC 9728 §3.3)."""
    resource_metadata_override: Mapping[str, object] = field(default_factory=dict)
    """Members to replace in the document, or to drop with ABSENT."""

    # Registration (RFC 7591).
    registration_status: int | None = None
    """This HTTP status and a plain text; nothing is registered."""
    registration_error: str | None = None
    """400 with this OAuth error code; nothing is registered."""
    registration_html: bool = False
    """200 with an HTML page; nothing is registered."""
    registration_changes_redirect: bool = False
    """Another redirect URI is registered, and answered, than the client asked for."""
    registration_override: Mapping[str, object] = field(default_factory=dict)
    """Members to replace in the answer, or to drop with ABSENT; what is registered stays honest."""

    # The authorization response.
    authorize_error: str | None = None
    """No consent page: straight back with this OAuth error code."""
    wrong_iss: bool | str = False
    """`iss` is another server's: `https://attacker.example`, or this string (RFC 9207)."""
    missing_iss: bool = False
    """No `iss`, though the metadata promises it."""
    wrong_state: bool = False
    """`state` is not the one that was sent."""
    duplicate_code: bool = False
    """`code` comes twice: the real one, then an invented one."""
    callback_override: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Parameters to replace in the redirect: several values repeat one, an empty tuple drops it."""

    # /token. `token_times` counts the requests that met any of these, down to `token_override`.
    token_times: int | None = None
    """The faults of /token apply to so many requests, then switch themselves off. None: to all."""
    token_delay: float = 0.0
    """Seconds before anything else happens, processing included."""
    token_reset_before: bool = False
    """The connection is reset before the request is processed: nothing was used up."""
    token_status: int | None = None
    """This HTTP status and a plain text; not processed."""
    retry_after: int | None = None
    """Seconds in a `Retry-After` header beside `token_status`."""
    token_html: bool = False
    """200 with an HTML page; not processed."""
    token_error: str | None = None
    """This OAuth error code; not processed."""
    token_error_status: int = 400
    """The HTTP status beside `token_error`."""
    token_reset_after: bool = False
    """Processed and rotated, then the connection is reset: the reply is lost."""
    token_half_body: bool = False
    """Processed and rotated, then half of the body is sent and the connection closed."""
    token_twice: bool = False
    """The whole answer, head and body, is sent twice over the same connection."""
    token_content_length: int = 0
    """`Content-Length` is off by so many bytes; after the body the connection is closed."""
    token_type: str | None = None
    """`token_type` is this string."""
    expires_in: object = None
    """`expires_in` is this value, of any JSON type; ABSENT leaves it out. The real lifetime stays."""
    no_refresh_token: bool = False
    """A code is exchanged for an access token alone."""
    omit_rotated_refresh_token: bool = False
    """A refresh answers without `refresh_token`, and the old one stays good (RFC 6749 §6)."""
    token_override: Mapping[str, object] = field(default_factory=dict)
    """Members to replace in a successful answer, or to drop with ABSENT."""

    # /revoke (RFC 7009).
    revoke_status: int | None = None
    """This HTTP status and a plain text; nothing is revoked."""

    # The MCP server.
    mcp_always_401: bool = False
    """401 `invalid_token`, however good the token."""
    mcp_insufficient_scope: str | None = None
    """403 `insufficient_scope` unless the token has these scopes. `mcp:admin` can be had by asking
    (`LabConfig.extra_scopes`); a scope the lab does not know makes it a 403 for ever."""
    mcp_status: int | None = None
    """This HTTP status and a plain text, before the token is looked at."""
    mcp_html: bool = False
    """200 with an HTML page, before the token is looked at."""
    mcp_redirect: str | None = None
    """307 to this URL, before the token is looked at."""
    challenge: tuple[str, ...] | None = None
    """These WWW-Authenticate headers in place of the lab's own, on 401 and 403."""

    # What an active audit has to find. The authorization endpoint:
    accepts_any_redirect: bool | Literal["longer"] = False
    """Codes go to any redirect URI, or to any that begins like a registered one."""
    redirects_errors_anywhere: bool = False
    """An unregistered redirect URI gets the error that says so."""
    forwards_errors: bool = False
    """Errors go at once to registered redirect URIs that are not on loopback; nobody is asked before."""
    takes_doubled_parameters: bool = False
    """Of a parameter that comes twice the last one counts."""
    needs_no_challenge: bool = False
    """An authorization request may come without PKCE."""
    takes_plain: bool = False
    """`code_challenge_method` may be plain, or missing."""
    echoes_parameters: bool = False
    """What else was in the request comes back too."""
    consent_status: int | None = None
    """The status of the redirect after the form, instead of 303."""
    approves_silently: bool = False
    """prompt=none gets a code."""
    takes_any_response_type: bool = False
    """Whatever `response_type` is, a person is asked, and a code issued."""

    # … its codes and tokens:
    ignores_verifier: bool = False
    """Any `code_verifier` will do, and none too."""
    takes_challenge_for_verifier: bool = False
    """The challenge itself will do as `code_verifier`."""
    takes_short_verifier: bool = False
    """A `code_verifier` may have less than 43 characters."""
    refuses_unexpected_verifier: bool = False
    """With `needs_no_challenge`: a verifier is refused where there is no challenge to compare it with."""
    code_reusable: bool = False
    """A code can be redeemed again and again."""
    replay_forgiven: bool = False
    """A code that comes again is refused, and nothing is revoked."""
    code_for_any_client: bool = False
    code_for_any_redirect: bool = False
    counts_codes: bool = False
    """Codes are numbered."""
    serves_any_resource: bool = False
    """Tokens are issued for whatever `resource` says."""
    no_reuse_detection: bool | Literal["accepted"] = False
    """A replaced refresh token is refused, and nothing is revoked; ``accepted``: it works still."""
    refresh_for_any_client: bool = False
    refresh_widens: bool = False
    """A refresh brings any scope that it asks for."""
    revoke_does_nothing: bool = False
    revoke_keeps_access: bool = False
    """Revoking a refresh token leaves its access tokens alone."""
    anybody_revokes: bool = False
    """Another client's revocation request works."""
    ignores_secret: bool = False
    """Confidential clients need not authenticate."""
    assertion_unchecked: frozenset[str] = frozenset()
    """What nobody looks at in a client assertion: ``exp``, ``no exp`` (it may be missing), ``aud``, ``sub``,
    ``alg`` (none will do), ``signature``, ``jti``; ``token endpoint`` is one more good audience."""
    never_throttles: bool = False
    """Wrong secrets may be tried without end."""
    anybody_pushes: bool = False
    """Whoever knows a client's name pushes requests as that client."""
    counts_pushed: bool = False
    """Pushed requests are numbered."""
    pushed_for_any_client: bool = False
    """A pushed request is good for whichever client names it."""
    pushed_lasts: bool = False
    """A pushed request does not expire."""
    pushed_reusable: bool = False
    """A pushed request can be used again after somebody has answered it."""
    query_overrides_pushed: bool = False
    """Parameters in the browser's address replace the pushed ones."""
    registers_any_redirect: bool = False
    registration_unguarded: bool = False
    """A registration is read without its token."""
    knows_password_grant: bool = False
    """The password grant looks at the password."""
    believes_proofs: bool = False
    """DPoP proofs of the token endpoint are not verified; the key in them counts."""
    polls_freely: bool = False
    """A device login may be polled without a pause."""
    jwt_override: Mapping[str, object] = field(default_factory=dict)
    """With `LabConfig.jwt`: header (`alg`, `typ`) and claims to replace, or to drop with ABSENT."""

    # … and the MCP server:
    lets_in: Callable[[Request], bool] | None = None
    """Requests that need no good token."""

    # Everywhere.
    hostile_text: str | None = None
    """Put in every `error_description`, in a registered `client_name` and in a tool's name."""

    around: Callable[[Request, App], Response] | None = None
    """Stands before both servers: takes each request and the honest code, and gives the answer."""

    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)

    def clear(self) -> None:
        """Switch everything off."""
        with self._lock:
            self._reset(tuple(f.name for f in fields(self) if f.init))

    def take_for_token_request(self) -> Faults:
        """A copy for one request to /token, which counts against `token_times`."""
        with self._lock:
            copy = replace(self)
            if self.token_times is not None and self._token_faults_on():
                self.token_times -= 1
                if self.token_times <= 0:
                    self._reset((*_TOKEN_FAULTS, "token_times"))
            return copy

    def _token_faults_on(self) -> bool:
        honest = Faults()
        return any(getattr(self, name) != getattr(honest, name) for name in _TOKEN_FAULTS)

    def _reset(self, names: tuple[str, ...]) -> None:
        honest = Faults()
        for name in names:
            setattr(self, name, getattr(honest, name))


def overridden(document: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    """The document with these members replaced, and without those that are ABSENT."""
    merged = {**document, **changes}
    return {name: value for name, value in merged.items() if name not in changes or value != ABSENT}
