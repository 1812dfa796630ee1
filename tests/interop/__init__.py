"""Interop tests: mcp-vacuum against servers that others wrote, on loopback."""
