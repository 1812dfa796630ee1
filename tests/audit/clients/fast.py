"""A client of FastMCP, as its documentation says: `python fast.py URL`."""

from __future__ import annotations

import asyncio
import sys

from fastmcp import Client


async def main(url: str) -> None:
    """Log in, list the tools and call one."""
    async with Client(url, auth="oauth") as client:
        print([tool.name for tool in await client.list_tools()])
        await client.call_tool("add", {"a": 2, "b": 3})


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
