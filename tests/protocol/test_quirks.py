from __future__ import annotations

import pytest

from mcp_vacuum.errors import UsageError
from mcp_vacuum.protocol.quirks import QUIRKS, check_quirks


def test_known_names_come_back() -> None:
    assert check_quirks(("no-resource", "pkce-unadvertised")) == ("no-resource", "pkce-unadvertised")
    assert check_quirks(()) == ()


@pytest.mark.parametrize("name", ["", "no-state", "NO-RESOURCE", "issuer-root-slash"])
def test_an_unknown_name_is_a_usage_error_that_lists_the_known(name: str) -> None:
    with pytest.raises(UsageError, match="unknown quirk") as caught:
        check_quirks(("no-resource", name))

    assert all(known in (caught.value.hint or "") for known in QUIRKS)


@pytest.mark.parametrize("quirk", QUIRKS.values(), ids=lambda quirk: quirk.name)
def test_each_has_a_reason_and_a_link(quirk: object) -> None:
    assert quirk.why  # type: ignore[attr-defined]
    assert quirk.link.startswith("https://")  # type: ignore[attr-defined]


def test_no_name_touches_state_or_iss_or_the_redirect_uri() -> None:
    assert set(QUIRKS) == {"no-resource", "pkce-unadvertised"}
