from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

from mcp_vacuum.errors import KeyUnavailable, UsageError
from mcp_vacuum.storage.cipher import new_key
from mcp_vacuum.storage.command_source import CommandSource
from mcp_vacuum.storage.key_source import KeyName

from .keyprints import prints

KEY = new_key()
ID = "0123456789abcdef"
NAME = KeyName(ID)


class TestCommand:
    def test_its_output_is_the_key(self) -> None:
        assert CommandSource(prints(KEY.decode())).read(NAME) == (KEY,)
        assert CommandSource(prints(KEY.decode())).create(NAME).key == KEY

    def test_no_shell_is_in_between(self, tmp_path: Path) -> None:
        with pytest.raises(KeyUnavailable):
            CommandSource(f"echo $(touch {tmp_path}/x); touch {tmp_path}/y").read(NAME)

        assert not list(tmp_path.iterdir())

    def test_a_failure_is_told_in_its_own_words_without_what_may_be_a_key(self) -> None:
        command = prints("", status=3, complaint=f"first\nno item {KEY.decode()}\n")
        with pytest.raises(KeyUnavailable, match=r"failed with status 3: no item \*\*\*$"):
            CommandSource(command).read(NAME)

    def test_one_that_does_not_end_is_ended(self, tmp_path: Path) -> None:
        pid = tmp_path / "pid"
        with pytest.raises(KeyUnavailable, match=r"did not end within 0\.3 s"):
            CommandSource(f"sh -c 'echo $$ >{pid}; sleep 1000; true'", deadline=0.3).read(NAME)

        with pytest.raises(ProcessLookupError):
            os.kill(int(pid.read_text()), 0)

    def test_one_that_is_missing_is_said(self) -> None:
        with pytest.raises(KeyUnavailable, match="cannot be started: No such file"):
            CommandSource("/no/such/command").read(NAME)

    def test_output_that_is_no_key_is_not_shown(self) -> None:
        with pytest.raises(KeyUnavailable, match="not a key") as caught:
            CommandSource(prints("hunter2")).read(NAME)

        assert "hunter2" not in caught.value.message

    @pytest.mark.parametrize("command", ["'open quote", "  "])
    def test_nonsense_is_a_usage_error(self, command: str) -> None:
        with pytest.raises(UsageError):
            CommandSource(command)

    def test_it_reads_nothing_of_ours_and_inherits_no_key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MCP_VACUUM_KEY", KEY.decode())
        code = "import os, sys; sys.exit(5 if os.environ.get('MCP_VACUUM_KEY') or sys.stdin.read() else 6)"
        with pytest.raises(KeyUnavailable, match="status 6"):
            CommandSource(shlex.join([sys.executable, "-c", code])).read(NAME)

    def test_it_may_print_the_new_key_before_the_present_one(self) -> None:
        new = new_key()
        source = CommandSource(prints(f"{new.decode()}\n{KEY.decode()}"))

        assert source.read(NAME) == (new, KEY)
        assert source.create(KeyName(ID, 2), KEY).key == new
        assert source.forget(NAME, KEY) is False

    def test_the_present_key_alone_is_no_new_one(self) -> None:
        with pytest.raises(KeyUnavailable, match="only the key that the vault has already"):
            CommandSource(prints(KEY.decode())).create(KeyName(ID, 2), KEY)
