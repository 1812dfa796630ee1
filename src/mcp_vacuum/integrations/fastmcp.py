"""A drop-in for FastMCP's `OAuth`: change the import, keep the rest.

```python
from mcp_vacuum.integrations.fastmcp import OAuth  # was: from fastmcp.client.auth import OAuth

async with Client("https://mcp.example.com/mcp", auth=OAuth()) as client: ...
```

As the original it may always open the browser of this machine; the redirect comes to our own listener, which
is bound before the client is registered and lives as long as one login.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import httpx2
from fastmcp.client.auth import OAuth as _Original
from fastmcp.client.auth.oauth import TokenStorageAdapter
from mcp.shared.auth import OAuthClientMetadata

from mcp_vacuum.drivers.aio import Person
from mcp_vacuum.drivers.loopback import CALLBACK_PATH, LoopbackListener
from mcp_vacuum.integrations.mcp import DropIn, DropInSource, KeptElsewhere, WhileWaitedFor, described
from mcp_vacuum.integrations.waiting import Waiting
from mcp_vacuum.login import LoginOptions, Ways, by_browser
from mcp_vacuum.models import DEFAULT_ACCOUNT, AuthMethod, ClientCredentials
from mcp_vacuum.protocol.client_auth import performable
from mcp_vacuum.safety.limits import PERSON_TIMEOUT
from mcp_vacuum.safety.secret import Secret

if TYPE_CHECKING:
    from key_value.aio.protocols import AsyncKeyValue
    from mcp.shared._httpx_utils import McpHttpClientFactory

    from mcp_vacuum.storage.credentials import CredentialStore


class OAuth(DropIn, _Original):
    """OAuth 2.1 for one MCP server, with the signature of `fastmcp.client.auth.OAuth`.

    It is an instance of the original only so that FastMCP's transports bind it to their URL: nothing of the
    original's flow runs. Errors are this package's (`mcp_vacuum.errors`).
    """

    def __init__(
        self,
        mcp_url: str | None = None,
        scopes: str | list[str] | None = None,
        client_name: str = "FastMCP Client",
        token_storage: AsyncKeyValue | None = None,
        additional_client_metadata: dict[str, Any] | None = None,
        callback_port: int | None = None,
        callback_host: str = "localhost",
        callback_timeout: float = PERSON_TIMEOUT,
        httpx_client_factory: McpHttpClientFactory | None = None,
        client_metadata_url: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        issuer: str | None = None,
        *,
        persist_access_token: bool = False,
        account: str = DEFAULT_ACCOUNT,
        store: CredentialStore | None = None,
        ways: Ways = by_browser,
        quirks: tuple[str, ...] = (),
        legacy: bool = False,
        allow_private_network: bool = False,
    ) -> None:
        """Open nothing yet. The first thirteen arguments are FastMCP's.

        Args:
            mcp_url: The MCP server; None to be told by the transport.
            scopes: Scopes to ask for, space separated or a list.
            client_name: What a consent page shows.
            token_storage: Read for import; given the refresh token and the client after each change. The
                keys are the original's. Without one the login ends with the process.
            additional_client_metadata: More members of a registration (RFC 7591 §2).
            callback_port: The port of the redirect URI; a free one if absent.
            callback_host: Its host: ``localhost``, ``127.0.0.1`` or ``::1``.
            callback_timeout: Seconds to wait for the person.
            httpx_client_factory: Taken and kept, but not used: discovery, registration and token requests
                go through this package's guarded transport.
            client_metadata_url: A client ID metadata document, used where the server takes them.
            client_id: A pre-registered client.
            client_secret: Its secret.
            issuer: The authorization server that this client is registered at; it is shown to no other.
            persist_access_token: Give the storage the access token too. Without it the place is empty.
            account: One of several logins to the same server in one storage.
            store: Where logins are kept, `open_store()` for the vault; memory if absent.
            ways: Who says yes, and how; the browser of this machine if absent.
            quirks: Named deviations of the server to tolerate.
            legacy: Take the 2025-03-26 shape where the server has no metadata.
            allow_private_network: The server may point to private addresses.
        """
        self.httpx_client_factory = httpx_client_factory or httpx2.AsyncClient
        self.redirect_uri = _redirect_uri(callback_host, callback_port)
        self._metadata = _metadata(
            client_name, scopes, self.redirect_uri, client_id, additional_client_metadata
        )
        self._token_storage = token_storage
        self._persist_access_token = persist_access_token
        self._account = account
        self._store = store
        self._asked_ways = ways
        self._options = LoginOptions(
            account=account,
            scope=tuple((self._metadata.scope or "").split()),
            client=_client(client_id, client_secret, issuer, additional_client_metadata),
            client_metadata=described(self._metadata),
            client_metadata_url=client_metadata_url,
            redirect_uri=self.redirect_uri,
            timeout=callback_timeout,
            quirks=quirks,
            legacy=legacy,
            allow_private_network=allow_private_network,
            keep_client=True,
        )
        self._bound = False
        self._source = None
        if mcp_url is not None:
            self._bind(mcp_url)

    def _bind(self, mcp_url: str) -> None:
        """Learn the server's URL; called by FastMCP's transports. The first one counts."""
        if self._bound:
            return
        waiting = Waiting()
        storage = self._adapter(mcp_url.rstrip("/"))  # as the original, whose keys are made of it
        kept = KeptElsewhere(
            storage, waiting, self._metadata, persist_access_token=self._persist_access_token
        )
        source = DropInSource(
            mcp_url, self._options, waiting, kept, store=self._store, ways=self._ways_while(waiting)
        )
        DropIn.__init__(self, source, self._account)
        self.mcp_url = mcp_url
        self._bound = True

    def _opened(self) -> NoReturn:
        """Say what is missing, as the original does: a request came and there is no source yet."""
        raise RuntimeError("OAuth has no server URL: pass mcp_url, or use it with Client(url, auth=...)")

    def _adapter(self, mcp_url: str) -> TokenStorageAdapter | None:
        if self._token_storage is None:
            return None
        namespace = None if self._account == DEFAULT_ACCOUNT else self._account
        return TokenStorageAdapter(self._token_storage, mcp_url, namespace)

    def _ways_while(self, waiting: Waiting) -> Ways:
        def ways(listener: LoopbackListener, timeout: float) -> Person:
            return WhileWaitedFor(self._asked_ways(listener, timeout), waiting)

        return ways


def _redirect_uri(host: str, port: int | None) -> str:
    bare = host.removeprefix("[").removesuffix("]")
    shown = f"[{bare}]" if ":" in bare else bare
    return f"http://{shown}:{port}{CALLBACK_PATH}" if port else f"http://{shown}{CALLBACK_PATH}"


def _metadata(
    client_name: str,
    scopes: str | list[str] | None,
    redirect_uri: str,
    client_id: str | None,
    additional: dict[str, Any] | None,
) -> OAuthClientMetadata:
    public = {} if client_id else {"token_endpoint_auth_method": "none"}
    return OAuthClientMetadata.model_validate(
        {
            "client_name": client_name,
            "redirect_uris": [redirect_uri],
            "scope": " ".join(scopes) if isinstance(scopes, list) else scopes,
            **public,
            **(additional or {}),
        }
    )


def _client(
    client_id: str | None, client_secret: str | None, issuer: str | None, additional: dict[str, Any] | None
) -> ClientCredentials | None:
    if client_id is None:
        return None
    if client_secret is None:
        return ClientCredentials(client_id=client_id, issuer=issuer)
    named = performable(str((additional or {}).get("token_endpoint_auth_method")))
    method: AuthMethod = named or "client_secret_post"
    return ClientCredentials(
        client_id=client_id,
        client_secret=Secret(client_secret),
        issuer=issuer,
        token_endpoint_auth_method=method,
    )
