"""`python -m mcp_vacuum`."""

from __future__ import annotations

from mcp_vacuum.cli.main import main

if __name__ == "__main__":
    main()
