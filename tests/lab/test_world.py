"""Addresses of a lab follow from its settings."""

from __future__ import annotations

import pytest

from mcp_vacuum.lab import Lab, LabConfig


@pytest.mark.parametrize("path", ["", "/tenant"])
def test_the_issuer_is_the_origin_with_the_configured_path(path: str) -> None:
    with Lab(LabConfig(issuer_path=path)) as lab:
        assert lab.issuer.endswith(path or lab.issuer[-5:])
        assert lab.issuer.count("/") == (3 if path else 2)


def test_metadata_at_the_root_names_the_origin() -> None:
    with Lab(LabConfig(prm_location="root")) as lab:
        assert lab.resource == lab.mcp_url.removesuffix("/mcp")
        assert lab.resource_metadata_url == f"{lab.resource}/.well-known/oauth-protected-resource"


def test_metadata_at_the_path_names_the_url() -> None:
    with Lab() as lab:
        assert lab.resource == lab.mcp_url
        assert lab.resource_metadata_url.endswith("/.well-known/oauth-protected-resource/mcp")
