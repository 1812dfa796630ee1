"""What the MCP server says once one is in."""

from typing import Any

import pytest

from mcp_vacuum.lab import Lab

from .plain import Plain, post_json


@pytest.fixture
def token(plain: Plain) -> str:
    access_token: str = plain.login()["access_token"]
    return access_token


def result(plain: Plain, token: str, method: str, **params: object) -> dict[str, Any]:
    answer: dict[str, Any] = plain.call(token, method, **params).json["result"]
    return answer


class TestMethods:
    @pytest.mark.parametrize(
        ("asked", "spoken"),
        [("2025-06-18", "2025-06-18"), ("2025-11-25", "2025-11-25"), ("1999-01-01", "2025-11-25")],
    )
    def test_initialize_agrees_on_a_version(self, plain: Plain, token: str, asked: str, spoken: str) -> None:
        assert result(plain, token, "initialize", protocolVersion=asked)["protocolVersion"] == spoken

    def test_a_notification_is_accepted_without_an_answer(self, lab: Lab, token: str) -> None:
        message = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        answer = post_json(lab.mcp_url, message, Authorization=f"Bearer {token}")

        assert (answer.status, answer.body) == (202, b"")

    def test_add_adds(self, plain: Plain, token: str) -> None:
        added = result(plain, token, "tools/call", name="add", arguments={"a": 2, "b": 40})

        assert added["content"][0]["text"] == "42"

    def test_add_of_words_is_a_tool_error(self, plain: Plain, token: str) -> None:
        assert result(plain, token, "tools/call", name="add", arguments={"a": "x"})["isError"] is True

    def test_whoami_names_subject_client_and_scopes(self, plain: Plain, token: str) -> None:
        assert result(plain, token, "tools/call", name="whoami")["structuredContent"] == {
            "subject": "ada",
            "client_id": plain.client_id,
            "scopes": ["mcp:tools", "mcp:resources", "mcp:prompts"],
        }

    def test_lists_are_consistent_with_what_can_be_used(self, plain: Plain, token: str) -> None:
        tools = [tool["name"] for tool in result(plain, token, "tools/list")["tools"]]
        uri = result(plain, token, "resources/list")["resources"][0]["uri"]
        prompt = result(plain, token, "prompts/list")["prompts"][0]["name"]

        assert tools == ["add", "whoami", "time"]
        assert result(plain, token, "tools/call", name="time")["content"][0]["text"].endswith("Z")
        assert result(plain, token, "resources/read", uri=uri)["contents"][0]["uri"] == uri
        asked = result(plain, token, "prompts/get", name=prompt, arguments={"topic": "doors"})
        assert "doors" in asked["messages"][0]["content"]["text"]

    @pytest.mark.parametrize(
        ("method", "params", "code"),
        [
            ("server/discover", {}, -32601),
            ("tools/call", {"name": "none"}, -32602),
            ("resources/read", {"uri": "lab://none"}, -32002),
            ("prompts/get", {"name": "none"}, -32602),
        ],
    )
    def test_what_is_not_there_is_an_error(
        self, plain: Plain, token: str, method: str, params: dict[str, object], code: int
    ) -> None:
        assert plain.call(token, method, **params).json["error"]["code"] == code

    def test_a_body_that_is_no_request_is_400(self, lab: Lab, token: str) -> None:
        assert post_json(lab.mcp_url, ["x"], Authorization=f"Bearer {token}").status == 400

    def test_an_unknown_version_header_is_400_except_for_discovery(self, lab: Lab, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}", "MCP-Protocol-Version": "2030-01-01"}
        statuses = [
            post_json(lab.mcp_url, {"jsonrpc": "2.0", "id": 1, "method": method}, **headers).status
            for method in ("tools/list", "server/discover")
        ]

        assert statuses == [400, 200]
