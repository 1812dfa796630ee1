"""Documents that come from outside, validated once and never trusted further than their types.

Unknown members are ignored and null is absent. Identifiers and URLs stay raw strings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from mcp_vacuum.protocol.effects import HttpResponse
from mcp_vacuum.safety.limits import NotADocument, load_document


def _words(value: object) -> object:
    """A list of strings, or a single string that should have been one."""
    return [value] if isinstance(value, str) else value


def _whole(value: object) -> object:
    """Cut a fraction of a second off."""
    return math.floor(value) if isinstance(value, float) and math.isfinite(value) else value


def _joined(value: object) -> object:
    """A space-separated string, or a list of strings that should have been one."""
    strings = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return " ".join(value) if strings and isinstance(value, list) else value


Seconds = Annotated[int, BeforeValidator(_whole)]
Scope = Annotated[str, BeforeValidator(_joined)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]


class Document(BaseModel):
    """Base: frozen, tolerant of members it does not know, silent about its input."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class ProtectedResourceMetadata(Document):
    """RFC 9728 §2."""

    resource: str
    authorization_servers: Words | None = None
    scopes_supported: Words | None = None
    dpop_bound_access_tokens_required: bool | None = None
    resource_name: str | None = None


class AuthorizationServerMetadata(Document):
    """RFC 8414 §2 and OpenID Connect Discovery 1.0 §3, the members that a client acts on."""

    issuer: str
    authorization_endpoint: str | None = None
    token_endpoint: str | None = None
    registration_endpoint: str | None = None
    revocation_endpoint: str | None = None
    introspection_endpoint: str | None = None
    device_authorization_endpoint: str | None = None
    scopes_supported: Words | None = None
    token_endpoint_auth_methods_supported: Words | None = None
    token_endpoint_auth_signing_alg_values_supported: Words | None = None
    code_challenge_methods_supported: Words | None = None
    authorization_response_iss_parameter_supported: bool | None = None
    client_id_metadata_document_supported: bool | None = None
    grant_types_supported: Words | None = None
    dpop_signing_alg_values_supported: Words | None = None


class RegistrationResponse(Document):
    """RFC 7591 §3.2.1."""

    client_id: str
    client_secret: str | None = None
    client_secret_expires_at: int | None = None
    redirect_uris: Words | None = None
    token_endpoint_auth_method: str | None = None
    registration_client_uri: str | None = None
    registration_access_token: str | None = None
    scope: str | None = None


class TokenResponse(Document):
    """RFC 6749 §5.1. Servers also send `expires_in` as a string or a fraction, and `scope` as a list."""

    access_token: str
    token_type: str
    expires_in: Seconds | None = None
    refresh_token: str | None = None
    scope: Scope | None = None
    issued_token_type: str | None = None


class DeviceResponse(Document):
    """RFC 8628 §3.2; some servers still say `verification_url`."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str | None = None
    expires_in: int
    interval: int | None = None


class ErrorResponse(Document):
    """RFC 6749 §5.2, RFC 7591 §3.2.2."""

    error: str
    error_description: str | None = None


D = TypeVar("D", bound=Document)


def read_document(model: type[D], body: bytes) -> D:
    """Parse and validate a body.

    Raises:
        NotADocument: It is not this document; the text names the member at fault, never its value.
    """
    return validate(model, load_document(body))


def validate(model: type[D], members: Mapping[str, Any]) -> D:
    """Validate a parsed document; see `read_document`."""
    present = {name: value for name, value in members.items() if value is not None}
    try:
        return model.model_validate(present)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        member = ".".join(str(part) for part in first["loc"])
        raise NotADocument(f"{member}: {first['msg']}") from None


def read_error(response: HttpResponse) -> ErrorResponse | None:
    """Return the OAuth error document of an answer, or None if there is none.

    What was sent to get it is hidden in it: the words of an error go into messages, and those into logs.
    """
    try:
        said = read_document(ErrorResponse, response.body)
    except NotADocument:
        return None
    sent = response.request.secrets if response.request else ()
    described = said.error_description and _hidden_in(said.error_description, sent)
    return ErrorResponse(error=_hidden_in(said.error, sent), error_description=described)


def _hidden_in(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return text
