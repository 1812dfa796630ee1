"""Reads and refreshes one login until a file says stop; prints how often, and what went wrong."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mcp_vacuum.storage.secure import SecureTokenStorage
from mcp_vacuum.tokens.stored import find_login, login_tokens

url, stop = sys.argv[1], Path(sys.argv[2])
store = SecureTokenStorage().store
tokens = login_tokens(store, find_login(store, url))
reads = refreshes = 0
print("ready", flush=True)
while not stop.exists():
    record = store.get(url)
    assert record is not None
    reads += 1
    tokens.obtain(rejected=tokens.obtain().generation)
    refreshes += 1
print(json.dumps({"reads": reads, "refreshes": refreshes}))
