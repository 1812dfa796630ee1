"""How fast mcp-vacuum is, beside its peers and the limit: `python -m benchmarks` prints one table."""
