"""The agent: one process per home that owns the tokens, and what its clients need to reach it."""
