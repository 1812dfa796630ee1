"""The laboratory's settings."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from mcp_vacuum.lab import LabConfig


def test_settings_cannot_change_while_servers_run() -> None:
    with pytest.raises(FrozenInstanceError):
        LabConfig().access_token_lifetime = 1  # type: ignore[misc]


def test_the_default_is_a_strict_server() -> None:
    config = LabConfig()

    assert (config.rotate, config.refresh_token_grace, config.any_loopback_port) == (True, 0.0, False)
    assert config.iss_parameter
    assert config.require_login
