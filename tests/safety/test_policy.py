from __future__ import annotations

import pytest

from mcp_vacuum.errors import SecurityRefused
from mcp_vacuum.safety.address import Reach
from mcp_vacuum.safety.policy import NetworkPolicy

OWN = "mcp.example"
PUBLIC, PRIVATE = ["8.8.8.8"], ["10.0.0.1"]
LOOPBACK, LINK_LOCAL = ["127.0.0.1"], ["169.254.169.254"]


def refusal(policy: NetworkPolicy, host: str, addresses: list[str]) -> SecurityRefused:
    with pytest.raises(SecurityRefused) as caught:
        policy.admit(host, addresses)
    return caught.value


class TestTheServerThatThePersonChose:
    @pytest.mark.parametrize(
        ("addresses", "reach"),
        [(PUBLIC, Reach.PUBLIC), (PRIVATE, Reach.PRIVATE), (LOOPBACK, Reach.LOOPBACK)],
    )
    def test_its_first_connection_sets_the_reach(self, addresses: list[str], reach: Reach) -> None:
        policy = NetworkPolicy(OWN)
        policy.admit(OWN, addresses)

        assert policy.reach is reach

    def test_it_may_not_be_a_metadata_address_either(self) -> None:
        policy = NetworkPolicy(OWN, allow_private=True)
        error = refusal(policy, OWN, LINK_LOCAL)

        assert "never contacted" in error.message
        assert policy.reach is None

    @pytest.mark.parametrize("later", [PRIVATE, LOOPBACK])
    def test_a_later_answer_may_not_be_less_public(self, later: list[str]) -> None:
        policy = NetworkPolicy(OWN)
        policy.admit(OWN, PUBLIC)

        refusal(policy, OWN, later)
        assert policy.reach is Reach.PUBLIC

    def test_a_reach_from_the_record_is_not_learned_anew(self) -> None:
        policy = NetworkPolicy(OWN, Reach.PUBLIC)

        refusal(policy, OWN, LOOPBACK)

    @pytest.mark.parametrize("addresses", [PUBLIC + LOOPBACK, LOOPBACK + PUBLIC, PUBLIC + PRIVATE])
    def test_mixed_answers_do_not_buy_it_access_to_loopback(self, addresses: list[str]) -> None:
        # Whoever answers for the name would add 127.0.0.1, be connected to, and point to our loopback.
        policy = NetworkPolicy(OWN)
        refusal(policy, OWN, addresses)

        refusal(policy, "localhost", LOOPBACK)

    def test_a_name_without_answers_counts_as_what_its_name_says(self) -> None:
        # Behind a proxy, which resolves.
        policy = NetworkPolicy("db.internal")
        policy.admit("db.internal", [])

        assert policy.reach is Reach.PRIVATE


class TestWhereItPoints:
    def test_before_the_own_server_was_asked_only_public_hosts_are_admitted(self) -> None:
        policy = NetworkPolicy(OWN)
        policy.admit("as.example", PUBLIC)

        refusal(policy, "as.example", PRIVATE)
        assert policy.reach is None

    def test_a_private_host_is_admitted_with_the_persons_word(self) -> None:
        NetworkPolicy(OWN, Reach.PUBLIC, allow_private=True).admit("as.example", PRIVATE)

    def test_a_private_host_is_refused_with_a_way_out(self) -> None:
        error = refusal(NetworkPolicy(OWN, Reach.PUBLIC), "as.example", PRIVATE)

        assert error.message == "mcp.example, a public server, points to as.example, a private address"
        assert "--allow-private-network" in (error.hint or "")
        assert error.exit_status == 4

    def test_loopback_is_refused_without_one(self) -> None:
        error = refusal(NetworkPolicy(OWN, Reach.PUBLIC, allow_private=True), "as.example", LOOPBACK)

        assert error.hint is None

    def test_one_bad_answer_spoils_all(self) -> None:
        refusal(NetworkPolicy(OWN, Reach.PUBLIC), "as.example", PUBLIC + LOOPBACK)

    @pytest.mark.parametrize("addresses", [PUBLIC, LOOPBACK + PRIVATE])
    def test_localhost_has_to_resolve_to_loopback_only(self, addresses: list[str]) -> None:
        policy = NetworkPolicy("localhost", Reach.LOOPBACK, allow_private=True)
        error = refusal(policy, "localhost", addresses)

        assert "does not resolve to loopback" in error.message

    def test_localhost_that_resolves_to_loopback_is_admitted(self) -> None:
        NetworkPolicy("localhost").admit("localhost", ["127.0.0.1", "::1"])
