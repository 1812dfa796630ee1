"""Which request may carry which token."""

from __future__ import annotations

import pytest

from mcp_vacuum.errors import WrongAudience
from mcp_vacuum.tokens.bind import Audience

RESOURCE = "https://mcp.example/a/mcp"


class TestUnderAPath:
    @pytest.mark.parametrize(
        "url",
        [
            RESOURCE,
            f"{RESOURCE}/",
            f"{RESOURCE}/tools/1",
            f"{RESOURCE}?x=1",
            f"{RESOURCE}/x?next=/../b",
            f"{RESOURCE}#part",
            "https://mcp.example:443/a/mcp",
            "HTTPS://MCP.EXAMPLE/a/mcp",
            f"{RESOURCE}/..well-known",
            f"{RESOURCE}/v1.2/x...y",
        ],
    )
    def test_a_url_under_the_resource_is_admitted(self, url: str) -> None:
        audience = Audience(RESOURCE)
        audience.check(url)
        audience.check(url)

    @pytest.mark.parametrize(
        "url",
        [
            "https://mcp.example/a",
            "https://mcp.example/a/mcpx",
            "https://mcp.example/a/MCP",
            "https://mcp.example/",
            "https://mcp.example/b",
            "http://mcp.example/a/mcp",
            "https://mcp.example:8443/a/mcp",
            "https://other.example/a/mcp",
            "https://sub.mcp.example/a/mcp",
            "https://mcp.example.attacker.example/a/mcp",
            "https://mcp.example@attacker.example/a/mcp",
            "https://attacker.example/https://mcp.example/a/mcp",
            f"{RESOURCE}/../admin",
            f"{RESOURCE}/..",
            f"{RESOURCE}/x/./y",
            f"{RESOURCE}/%2e%2e/admin",
            f"{RESOURCE}/%2E./admin",
            f"{RESOURCE}/..\\admin",
            f"{RESOURCE}/..%2fadmin",
            f"{RESOURCE}/..%5Cadmin",
            f"{RESOURCE}/x%2f..%2f..%2fadmin",
            f"{RESOURCE}/..;/admin",
            "https://mcp.example:x/a/mcp",
            "//mcp.example/a/mcp",
            "/a/mcp",
            "",
        ],
    )
    def test_another_url_is_refused(self, url: str) -> None:
        with pytest.raises(WrongAudience) as caught:
            Audience(RESOURCE).check(url)

        assert (caught.value.exit_status, caught.value.spec) == (4, "RFC 9700 §4.9.1")

    def test_a_query_is_not_told(self) -> None:
        with pytest.raises(WrongAudience) as caught:
            Audience(RESOURCE).check("https://other.example/x?api_key=hidden")

        assert "hidden" not in str(caught.value)


class TestAtTheRoot:
    @pytest.mark.parametrize("resource", ["https://mcp.example", "https://mcp.example/"])
    @pytest.mark.parametrize("path", ["", "/", "/mcp", "/x/y"])
    def test_every_path_of_the_origin_is_admitted(self, resource: str, path: str) -> None:
        Audience(resource).check(f"https://mcp.example{path}")

    def test_another_origin_is_refused(self) -> None:
        with pytest.raises(WrongAudience):
            Audience("https://mcp.example").check("https://mcp.example.net/")


class TestMemory:
    def test_it_is_bounded_and_right_beyond_its_bound(self) -> None:
        audience = Audience(RESOURCE)
        for number in range(2_000):
            audience.check(f"{RESOURCE}/{number}")

        audience.check(f"{RESOURCE}/2000")
        with pytest.raises(WrongAudience):
            audience.check("https://mcp.example/b")
