"""The browser of the tests decides by the names of fields and the words on buttons."""

from .browser import PASSWORD, PERSON, Choice, Form, Page, came_back, press, say_no, say_yes

LOGIN = """
<form action="/go" method="post">
  <input type="hidden" name="prompt" value="login"><input name="login"><input type="password" name="password">
  <input type="checkbox" name="remember"><button type="submit">Sign-in</button>
</form><a href="/abort">[ Cancel ]</a>
"""
CONSENT = """
<form method="POST" action="">
  <input type="hidden" name="csrf_token" value="abc"/>
  <button name="action" value="deny">Deny</button><button name="action" value="approve">Allow Access</button>
</form>
"""


def test_it_logs_in() -> None:
    form, button = _yes(LOGIN)

    assert press(form, button) == [("prompt", "login"), ("login", PERSON), ("password", PASSWORD)]


def test_it_allows_whatever_the_order_of_the_buttons() -> None:
    form, button = _yes(CONSENT)

    assert press(form, button) == [("csrf_token", "abc"), ("action", "approve")]


def test_a_device_code_that_is_filled_in_stays() -> None:
    form, _ = _yes('<form method="post"><input name="user_code" value="WDJB-MJHT"></form>')

    assert press(form, None) == [("user_code", "WDJB-MJHT")]


def test_an_empty_field_for_a_code_is_the_end() -> None:
    assert say_yes(Page('<form method="post"><input name="user_code"></form>')) is None


def test_a_button_may_name_its_form() -> None:
    page = Page(
        '<form id="f"><input type="hidden" name="a" value="1"></form><button form="f">[ Abort ]</button>'
    )
    refusal = say_no(page)

    assert isinstance(refusal, tuple)
    assert refusal[0] is page.forms[0]


def test_it_declines_with_a_button_or_a_link() -> None:
    by_button, by_link = say_no(Page(CONSENT)), say_no(Page(LOGIN))

    assert isinstance(by_button, tuple)
    assert press(*by_button)[-1] == ("action", "deny")
    assert isinstance(by_link, Choice)
    assert by_link.href == "/abort"


def test_a_page_that_asks_nothing_is_the_end() -> None:
    page = Page("<p>You may close this tab.</p>")

    assert say_yes(page) is None
    assert say_no(page) is None


def test_it_knows_a_callback_when_it_sees_one() -> None:
    assert came_back("http://127.0.0.1:1/callback?code=x&state=y")
    assert came_back("http://127.0.0.1:1/callback?error=access_denied")
    assert not came_back("http://127.0.0.1:1/login?visit=1")


def _yes(html: str) -> tuple[Form, Choice | None]:
    decision = say_yes(Page(html))
    assert decision
    return decision
