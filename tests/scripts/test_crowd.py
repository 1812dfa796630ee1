"""Many processes and dying ones, on one login."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from mcp_vacuum.lab import Lab, LabConfig
from mcp_vacuum.storage.opening import open_store
from tests.helpers import wait_for
from tests.reliability.report import fault

from .conftest import Session

pytestmark = pytest.mark.long


def crowd(session: Session, lab: Lab, size: int) -> None:
    """So many processes ask for a token at once, against strict reuse detection."""
    url = lab.mcp_url
    session.ok("login", url)
    lab.expire_access_tokens()
    lab.recorder.clear()
    processes = [session.start("token", url) for _ in range(size)]
    done = [session.finish(process, prints_a_token=True) for process in processes]
    seen = lab.refresh_tokens_seen()

    assert [one.code for one in done] == [0] * size, [one.err for one in done]
    assert {one.out.strip() for one in done} <= set(lab.issued_access_tokens)
    assert (len(seen), len(set(seen)), lab.reuse_detected) == (size, size, 0)
    assert seen == lab.issued_refresh_tokens[:-1], "not one after the other"
    session.ok("token", url)


@fault(
    "16 processes at once without an agent (strict)",
    chapter="Many at once",
    made="16 `mcp-vacuum token` are started together; each sends the token that the one before it brought",
)
def test_16_processes_at_once_send_no_refresh_token_twice(
    session: Session, lab: Lab, record_property: Callable[[str, object], None]
) -> None:
    crowd(session, lab, 16)
    record_property("refreshes", 16)
    record_property("refused", lab.reuse_detected)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_48_processes_at_once_send_no_refresh_token_twice(session: Session, lab: Lab) -> None:
    crowd(session, lab, 48)


class TestKilled:
    """kill -9 while the refresh token is on its way."""

    @staticmethod
    def kill_in_the_middle(session: Session, lab: Lab) -> None:
        """Returns when the lab has rotated the token for a process that is dead."""
        before = len(lab.issued_refresh_tokens)
        lab.recorder.clear()
        lab.faults.token_delay, lab.faults.token_times = 2.0, 1
        process = session.start("token", lab.mcp_url)
        wait_for(lambda: lab.recorder.to("/token"), "the refresh is at the server")
        process.kill()
        done = session.finish(process)
        assert (done.code, done.out) == (-signal.SIGKILL, "")
        wait_for(lambda: len(lab.issued_refresh_tokens) > before, "the token is rotated")

    def test_with_a_grace_period_the_next_one_recovers(self, session: Session) -> None:
        with Lab(LabConfig(refresh_token_grace=60)) as lab:
            session.labs.append(lab)
            session.ok("login", lab.mcp_url)
            self.kill_in_the_middle(session, lab)
            done = session.ok("token", lab.mcp_url)

            assert done.out.strip() in lab.issued_access_tokens
            assert "interrupted" in done.err
            assert lab.reuse_detected == 0
            session.ok("token", lab.mcp_url)

    def test_without_one_the_loss_is_said(self, session: Session, lab: Lab, url: str) -> None:
        self.kill_in_the_middle(session, lab)
        error = session.run("token", url)

        assert "answer to an earlier refresh was lost" in error.err
        assert error.code == 3
        assert f"mcp-vacuum login {url}" in error.err
        assert session.ok("status", url, "--json").json["state"] == "login_required"
        session.ok("login", url)
        session.ok("token", url)

    @pytest.mark.long
    def test_its_journal_and_the_record_are_there(
        self, session: Session, lab: Lab, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.kill_in_the_middle(session, lab)
        monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "file")
        store = open_store(session.home, create=False)
        assert store is not None
        record = store.get(url)
        store.close()

        assert record is not None
        assert record.journal is not None
        assert record.refresh_token == lab.issued_refresh_tokens[0]
