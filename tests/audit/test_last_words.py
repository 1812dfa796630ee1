"""What a program printed last."""

from __future__ import annotations

from mcp_vacuum.audit.last_words import LINES, LONGEST, last_words
from mcp_vacuum.audit.masking import Mask


def test_a_few_lines_that_are_not_empty() -> None:
    printed = "\n".join(f"line {number}\n" for number in range(20))

    assert last_words(printed, Mask()) == tuple(f"line {number}" for number in range(20 - LINES, 20))


def test_nothing_printed_is_no_line() -> None:
    assert last_words("\n \n", Mask()) == ()


def test_each_line_is_short_and_nothing_in_it_moves_the_cursor() -> None:
    (line,) = last_words("\x1b[2J" + "x" * 5000, Mask())

    assert len(line) <= LONGEST
    assert line.isprintable()


def test_secrets_are_masked_by_name_by_shape_and_by_value() -> None:
    token = "gh" + "p_" + "a1B2" * 9
    printed = f"client_secret=abcdefghij\nsent {token}\nknown kZ0wq3Xn7Vb1"
    said = "\n".join(last_words(printed, Mask(also=["kZ0wq3Xn7Vb1"])))

    assert said.count("***") == 3
    assert not any(secret in said for secret in ("abcdefghij", token, "kZ0wq3Xn7Vb1"))
