"""Every error that this package raises on purpose.

```
VacuumError                         exit 1   the base; anything else that escapes is a bug in mcp-vacuum
├── UsageError                      exit 2   the call itself makes no sense (a URL that is not http(s), say)
├── AuthenticationError             exit 7   the authorization did not end in a token
│   ├── OAuthError                  exit 7   the server answered with an OAuth error document
│   ├── DiscoveryError              exit 7   the server does not say how to authorize
│   ├── RegistrationError           exit 7   the server did not register this client
│   ├── LoginRequired               exit 3   a person has to log in (again)
│   ├── LoginDeclined               exit 3   the person, or nobody, said yes
│   └── SecurityRefused             exit 4   the server broke a rule that we do not bend
│       └── WrongAudience           exit 4   a token was about to go where it does not belong
├── ServerUnavailable               exit 5   network or server trouble: try again, nothing was lost
│   └── AnswerLost                  exit 5   the request went out and no complete answer came
│       └── AnswerTooLarge          exit 5   the answer was larger than what was to be read of it
└── StorageError                    exit 6   the store or its key cannot be used: nothing was deleted
    ├── KeyUnavailable              exit 6   the key source is missing, locked or gives another key
    ├── VaultLocked                 exit 6   its owner locked it; `agent unlock` ends that
    ├── AgentUnavailable            exit 6   the agent is not there, or what answers is not ours
    ├── RecordDamaged               exit 6   a record cannot be opened with the right key
    ├── GenerationConflict          exit 6   somebody else wrote first
    ├── KeyRotated                  exit 6   what was to be written is sealed under a former key
    └── AliasTaken                  exit 2   an alias names one login only
```

Messages never contain a token, secret, code, verifier or state.
"""

from __future__ import annotations


class VacuumError(Exception):
    """Base of every error that this package raises on purpose."""

    code = "vacuum_error"
    """Stable word that scripts, tests and `--json` match on."""
    exit_status = 1
    """What the command line exits with."""

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        spec: str | None = None,
        url: str | None = None,
    ) -> None:
        """Say what happened.

        Args:
            message: What happened and whose fault it is, in one sentence.
            hint: The next thing that the reader can do.
            spec: The rule that was broken, such as ``RFC 9207 §2.4``.
            url: Where it happened.
        """
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.spec = spec
        self.url = url


class UsageError(VacuumError):
    """What was asked for makes no sense; nothing was sent."""

    code, exit_status = "usage", 2


class AuthenticationError(VacuumError):
    """The authorization did not end in a usable token."""

    code, exit_status = "authentication_failed", 7


class OAuthError(AuthenticationError):
    """The server answered with an OAuth error document (RFC 6749 §4.1.2.1, §5.2).

    `error` is the server's own word, such as ``invalid_grant``; it is also part of `code`.
    """

    code = "oauth_error"

    def __init__(
        self,
        message: str,
        *,
        error: str,
        hint: str | None = None,
        spec: str | None = None,
        url: str | None = None,
    ) -> None:
        """Like `VacuumError`, with the server's `error` member."""
        super().__init__(message, hint=hint, spec=spec, url=url)
        self.error = error


class DiscoveryError(AuthenticationError):
    """The server publishes no usable authorization metadata (RFC 9728, RFC 8414)."""

    code = "discovery_failed"


class RegistrationError(AuthenticationError):
    """The authorization server did not register this client (RFC 7591 §3.2.2)."""

    code = "registration_failed"


class LoginRequired(AuthenticationError):
    """Only a person can go on. Nothing here ever opens a browser by itself."""

    code, exit_status = "login_required", 3

    def __init__(
        self,
        server: str,
        reason: str,
        *,
        hint: str | None = None,
        spec: str | None = None,
        account: str = "default",
    ) -> None:
        """Name the server and why its login cannot be used.

        Args:
            server: The server URL, or the name under which the login is kept.
            reason: Why, in a few words, such as ``no login is stored``.
            hint: The command to type; made from `server` and `account` if absent.
            spec: The rule behind the reason, if there is one.
            account: The account that needs the login.
        """
        suffix = "" if account == "default" else f" --account {account}"
        super().__init__(
            f"login required for {server}: {reason}",
            hint=hint or f"mcp-vacuum login {server}{suffix}",
            spec=spec,
            url=server,
        )
        self.server = server
        self.reason = reason
        self.account = account


class LoginDeclined(AuthenticationError):
    """The person declined, closed the browser, or did not answer in time."""

    code, exit_status = "login_declined", 3


class SecurityRefused(AuthenticationError):
    """The other side broke a security requirement; `spec` names it."""

    code, exit_status = "security_refused", 4


class WrongAudience(SecurityRefused):
    """A request to somewhere else was about to carry this server's token (RFC 9700 §4.9.1)."""

    code = "wrong_audience"


class ServerUnavailable(VacuumError):
    """Network or server trouble. Nothing was cleared; try again later."""

    code, exit_status = "server_unavailable", 5


class AnswerLost(ServerUnavailable):
    """The request was sent and no complete answer came: whether it was processed is unknown."""

    code = "answer_lost"


class AnswerTooLarge(AnswerLost):
    """An answer came, and it was larger than what was to be read of it."""

    code = "answer_too_large"


class StorageError(VacuumError):
    """The store cannot be read or written. Nothing was deleted."""

    code, exit_status = "storage_error", 6


class KeyUnavailable(StorageError):
    """The vault's key source is missing, locked, or gives another key."""

    code = "key_unavailable"


class VaultLocked(StorageError):
    """The vault was locked by its owner; every command refuses until it is unlocked."""

    code = "locked"


class AgentUnavailable(StorageError):
    """The agent cannot be reached or started, or what answers is not this home's agent."""

    code = "agent_unavailable"


class RecordDamaged(StorageError):
    """A record does not open although the key is right. It is kept as it is."""

    code = "record_damaged"


class GenerationConflict(StorageError):
    """Somebody else wrote the record first; read it again."""

    code = "generation_conflict"


class KeyRotated(StorageError):
    """The vault's key was changed in the meantime; seal it anew under the present key."""

    code = "key_rotated"


class AliasTaken(StorageError):
    """The alias already names another login."""

    code, exit_status = "alias_taken", 2
