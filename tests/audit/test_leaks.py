"""What an answer shows that it should not."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.leaks import leaks_in
from tests.audit.made import answered, unanswered

TOKEN = f"eyJ{'a' * 20}.eyJ{'b' * 20}.sig"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("Traceback (most recent call last):\n", "a Python traceback"),
        ('  File "/srv/app/x.py", line 3, in f', "a Python traceback"),
        ("Error: no\n    at f (/srv/node_modules/x/index.js:3:14)", "a JavaScript stack trace"),
        ("at com.example.App.run(App.java:17)", "a Java stack trace"),
        ("System.NullReferenceException: x", ".NET internals"),
        ("goroutine 1 [running]:", "a Go stack trace"),
        ("<b>Warning</b>: x in <b>/var/www/x.php", "a PHP error"),
        ("SQLSTATE[42000]", "a database error"),
    ],
)
def test_internals(text: str, what: str) -> None:
    assert list(leaks_in(answered(500, text.encode()))) == [what]


@pytest.mark.parametrize(
    "text", ['{"error": "invalid_token"}', "look at index.js:3", "version 1.2.3.4", "see panic"]
)
def test_what_is_said_to_everybody_is_no_leak(text: str) -> None:
    assert list(leaks_in(answered(401, text.encode()))) == []


def test_a_token_is_found_and_not_shown() -> None:
    (leak,) = leaks_in(answered(200, headers=(("x-debug", TOKEN),)))

    assert leak.startswith("a token, ***")
    assert TOKEN not in leak


def test_internal_hosts_of_a_public_server() -> None:
    body = b'{"upstream": "http://auth.svc.cluster.local", "db": "10.1.2.3", "dns": "8.8.8.8"}'

    assert list(leaks_in(answered(200, body))) == [
        "the internal host 10.1.2.3",
        "the internal host auth.svc.cluster.local",
    ]
    assert list(leaks_in(answered(200, body, url="http://127.0.0.1:8000/mcp"))) == []


def test_no_answer_leaks_nothing() -> None:
    assert list(leaks_in(unanswered())) == []
