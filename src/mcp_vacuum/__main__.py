"""`python -m mcp_vacuum`."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    # `-m` puts the current directory first: a click.py that lies there would run in our place.
    if not sys.flags.safe_path and sys.path[:1] == [os.getcwd()]:  # noqa: PTH109 - as the interpreter wrote it
        del sys.path[0]
    from mcp_vacuum.cli.fast import main

    main()
