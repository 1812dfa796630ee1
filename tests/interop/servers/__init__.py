"""The servers that the interop tests start, each a program: `python -m servers.NAME --port N`."""
