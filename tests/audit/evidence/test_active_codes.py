"""What is done with codes."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.active_codes import AT_ONCE, LADDER
from tests.audit.seen_actively import Honest


def test_a_server_that_uses_codes_up_gets_a_new_one_for_each_defect(honest: Honest) -> None:
    seen, _requests = honest
    rounds = [name for name in seen.visits if name.startswith("ladder")]

    assert rounds == ["ladder", "ladder 2", "ladder 3", "ladder 4", "ladder 5"]
    assert set(LADDER) <= set(seen.seen)


def test_the_replays_are_all_the_same_request(honest: Honest) -> None:
    seen, _ = honest
    tries = [seen.seen[f"at once {number}"] for number in range(1, AT_ONCE + 1)] + [seen.seen["replayed"]]

    assert len({each.request.body for each in tries if each.request}) == 1
    assert len(tries) == 11


def test_the_second_client_is_tried_without_its_secret_first(honest: Honest) -> None:
    seen, _ = honest
    numbers = [seen.seen[name].number for name in ("without secret", "wrong secret", "granted to another")]

    assert numbers == sorted(numbers)
    assert [seen.seen[name].status for name in ("without secret", "wrong secret")] == [401, 401]
