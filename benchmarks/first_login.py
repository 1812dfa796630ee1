"""The first login to a server: requests sent and time taken, with somebody who consents at once."""

from __future__ import annotations

import time
from statistics import median

from benchmarks.scene import log_in
from benchmarks.table import Row, Section
from mcp_vacuum.lab import Lab
from mcp_vacuum.storage.opening import memory_store

ROUNDS = 7
OF_THE_PERSON = ("/authorize", "/consent")


def first_login() -> Section:
    """Log in to a new laboratory each time."""
    counts, seconds, starts = [], [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        with Lab() as lab:
            starts.append(time.perf_counter() - began)
            began = time.perf_counter()
            log_in(lab.mcp_url, memory_store())
            seconds.append(time.perf_counter() - began)
            sent = [r for r in lab.recorder.requests if not r.path.endswith(OF_THE_PERSON)]
            counts.append(len(sent))
    rows = [
        Row("requests sent, from the first 401 to the token", float(median(counts)), "", None, "<= 5"),
        Row("wall time, the person's three page visits included", median(seconds) * 1000, "ms"),
        Row("the laboratory's own start", median(starts) * 1000, "ms"),
    ]
    return Section(f"First login against the laboratory, {ROUNDS} runs", rows)
