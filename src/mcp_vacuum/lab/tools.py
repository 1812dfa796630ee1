"""What the MCP server has to offer, as JSON-RPC: tools, a resource and a prompt."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mcp_vacuum.lab.grants import Access
from mcp_vacuum.lab.messages import Response, json_response

PROTOCOL_VERSIONS = ("2025-11-25", "2025-06-18")
"""Spoken here, newest first."""

WELCOME_URI = "lab://welcome"
Json = dict[str, object]


class _RpcError(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Conversation:
    """Answers one message of one caller; `access` is None on an open server."""

    access: Access | None
    hostile_text: str | None = None

    def answer(self, message: object, version: str | None) -> Response:
        """The HTTP response to a JSON-RPC message: 202 to a notification, 400 to what is none.

        Args:
            message: The request's body.
            version: Its MCP-Protocol-Version header. `server/discover` may carry
                any: it is how newer clients ask what is spoken here.
        """
        if not isinstance(message, dict) or not isinstance(method := message.get("method"), str):
            return json_response(_error(None, -32600, "no JSON-RPC request"), 400)
        if "id" not in message:
            return Response(202)
        if version not in (None, *PROTOCOL_VERSIONS) and method not in ("initialize", "server/discover"):
            return json_response(_error(message["id"], -32600, "unsupported MCP-Protocol-Version"), 400)
        return json_response(self._reply(message["id"], method, message.get("params")))

    def _reply(self, number: object, method: str, params: object) -> Json:
        handler = self._methods().get(method)
        if handler is None:
            return _error(number, -32601, f"no method {method}")
        try:
            result = handler(params if isinstance(params, dict) else {})
        except _RpcError as error:
            return _error(number, error.code, str(error))
        return {"jsonrpc": "2.0", "id": number, "result": result}

    def _methods(self) -> Mapping[str, Callable[[Json], Json]]:
        return {
            "initialize": _initialize,
            "ping": lambda _: {},
            "tools/list": lambda _: {"tools": self._tools()},
            "tools/call": self._call,
            "resources/list": lambda _: {"resources": [_WELCOME]},
            "resources/templates/list": lambda _: {"resourceTemplates": []},
            "resources/read": _read,
            "prompts/list": lambda _: {"prompts": [_HAIKU]},
            "prompts/get": _prompt,
        }

    def _tools(self) -> list[Json]:
        if self.hostile_text is None:
            return list(_TOOLS)
        words = self.hostile_text
        return [*_TOOLS, {"name": words, "description": words, "inputSchema": _NO_ARGUMENTS}]

    def _call(self, params: Json) -> Json:
        arguments = params.get("arguments")
        given = arguments if isinstance(arguments, dict) else {}
        match params.get("name"):
            case "add":
                return _added(given.get("a"), given.get("b"))
            case "whoami":
                return _structured(self._caller())
            case "time":
                return _text(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        raise _RpcError(-32602, "no such tool")

    def _caller(self) -> Json:
        if self.access is None:
            return {"subject": "anyone", "client_id": None, "scopes": []}
        who = self.access.approval
        return {"subject": who.subject, "client_id": who.client_id, "scopes": list(self.access.scopes)}


def _initialize(params: Json) -> Json:
    asked = params.get("protocolVersion")
    return {
        "protocolVersion": asked if asked in PROTOCOL_VERSIONS else PROTOCOL_VERSIONS[0],
        "capabilities": {"tools": {}, "resources": {}, "prompts": {}},
        "serverInfo": {"name": "mcp-vacuum-lab", "version": "1"},
        "instructions": "A place to try clients out. Nothing here is precious.",
    }


def _added(a: object, b: object) -> Json:
    if not isinstance(a, int | float) or not isinstance(b, int | float):
        return _text("add wants two numbers, a and b") | {"isError": True}
    return _text(str(a + b))


def _read(params: Json) -> Json:
    if params.get("uri") != WELCOME_URI:
        raise _RpcError(-32002, "no such resource")
    words = "You are in. The door remembers who opened it."
    return {"contents": [{"uri": WELCOME_URI, "mimeType": "text/plain", "text": words}]}


def _prompt(params: Json) -> Json:
    if params.get("name") != "haiku":
        raise _RpcError(-32602, "no such prompt")
    arguments = params.get("arguments")
    topic = arguments.get("topic", "tokens") if isinstance(arguments, dict) else "tokens"
    ask = {"type": "text", "text": f"Write a haiku about {topic}."}
    return {"messages": [{"role": "user", "content": ask}]}


def _text(text: str) -> Json:
    return {"content": [{"type": "text", "text": text}]}


def _structured(value: Json) -> Json:
    words = "; ".join(f"{name}: {' '.join(v) if isinstance(v, list) else v}" for name, v in value.items())
    return _text(words) | {"structuredContent": value}


def _error(number: object, code: int, message: str) -> Json:
    return {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}}


_NUMBER: Json = {"type": "number"}
_NO_ARGUMENTS: Json = {"type": "object", "properties": {}}
_TOOLS: tuple[Json, ...] = (
    {
        "name": "add",
        "description": "Add two numbers.",
        "inputSchema": {"type": "object", "properties": {"a": _NUMBER, "b": _NUMBER}, "required": ["a", "b"]},
    },
    {
        "name": "whoami",
        "description": "Say whom the token speaks for, through which client, with which scopes.",
        "inputSchema": _NO_ARGUMENTS,
    },
    {"name": "time", "description": "Tell the time, in UTC.", "inputSchema": _NO_ARGUMENTS},
)
_WELCOME: Json = {"uri": WELCOME_URI, "name": "welcome", "mimeType": "text/plain"}
_HAIKU: Json = {
    "name": "haiku",
    "description": "Ask for a haiku.",
    "arguments": [{"name": "topic", "description": "What it is about.", "required": False}],
}
