from __future__ import annotations

from typing import Any

from mcp_vacuum.drivers.aio import Person
from mcp_vacuum.drivers.sync import SyncDriver
from mcp_vacuum.protocol.effects import Flow
from mcp_vacuum.safety.policy import NetworkPolicy

from .contract import DriverContract


class TestSyncDriver(DriverContract):
    def run(self, flow: Flow[Any], person: Person | None = None) -> Any:
        return SyncDriver(NetworkPolicy("127.0.0.1"), person).run(flow)
