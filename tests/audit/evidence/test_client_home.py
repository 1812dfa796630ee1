"""The home of a client: nothing of ours is in it, and its browsers tell what they open."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mcp_vacuum.audit.evidence.client_home import BROWSERS, MARK, Home, url_in


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.make(tmp_path, "a-mark")


@pytest.mark.parametrize("name", ["browser", "xdg-open", "firefox"])
def test_a_stand_in_tells_what_it_opens(home: Home, name: str) -> None:
    url = "http://127.0.0.1/a?b=$(id)&c='\""
    subprocess.run([str(home.programs / name), url], check=True)

    assert home.opened() == [[url]]
    assert home.opened() == []


def test_the_environment_has_nothing_of_ours_but_what_is_kept(home: Home) -> None:
    ours = {"PATH": "/usr/bin", "SECRET": "s", "WANTED": "w", "HTTP_PROXY": "http://proxy"}
    environment = home.environment(["WANTED", "MISSING"], ours)

    assert environment["WANTED"] == "w"
    assert {"SECRET", "MISSING", "HTTP_PROXY"}.isdisjoint(environment)
    assert environment["PATH"] == f"{home.programs}:/usr/bin"
    assert environment[MARK] == "a-mark"


def test_every_place_for_settings_is_in_the_home(home: Home) -> None:
    environment = home.environment(given={})

    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "MCP_VACUUM_HOME", "TMPDIR"):
        assert environment[name].startswith(str(home.root))


def test_every_browser_is_there(home: Home) -> None:
    assert {each.name for each in home.programs.iterdir()} == {"browser", *BROWSERS}


def test_the_url_is_what_is_no_option() -> None:
    assert url_in(["--new-window", "http://a"]) == "http://a"
    assert url_in(["-javascript:x"]) == "-javascript:x"
    assert url_in([]) == ""
