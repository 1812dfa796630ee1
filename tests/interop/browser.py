"""A person with a browser, for tests: `BROWSER="python browser.py %s"`.

Visits one URL on loopback, keeps cookies, follows redirects, logs in as alice
and says yes (or no, with --deny) on every page that asks, until a page asks
nothing more: that is the client's own "you may close this tab" page.

Knows no server: it reads the forms and decides by the names of fields and the
words on buttons and links. Prints nothing on stdout, which belongs to the
program that started it. Exit 0 when it came back to a callback, else 1.
"""

import argparse
import re
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit
from urllib.request import HTTPCookieProcessor, OpenerDirector, ProxyHandler, Request, build_opener

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
NO = re.compile(r"\b(deny|decline|cancel|reject|refuse|abort|no)\b", re.IGNORECASE)
NAME_OF_A_PERSON = re.compile(r"user|login|mail|account|identifier", re.IGNORECASE)
CODE = re.compile(r"code", re.IGNORECASE)
"""A field for the code of a device login: `verification_uri_complete` has filled it in."""
MOST_PAGES = 12
TIMEOUT = 20
PERSON, PASSWORD = "alice", "wonderland"


class LostError(Exception):
    """The person does not know how to go on."""


# --- reading a page ------------------------------------------------------------------------------


@dataclass
class Choice:
    """A button, or a link: what it says, and what pressing it sends or where it leads."""

    text: str = ""
    name: str = ""
    value: str = ""
    href: str = ""

    @property
    def says_no(self) -> bool:
        return bool(NO.search(self.text) or NO.search(self.value))


@dataclass
class Form:
    action: str
    method: str
    fields: list[tuple[str, str, str]] = field(default_factory=list)
    """(type, name, value) of each input."""
    buttons: list[Choice] = field(default_factory=list)
    id: str = ""

    @property
    def asks_for_a_code(self) -> bool:
        """Is there an empty field for a device's code? Nobody here has another one."""
        return any(kind == "text" and CODE.search(name) and not value for kind, name, value in self.fields)


class Page(HTMLParser):
    """The forms and links of an HTML page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[Choice] = []
        self._form: Form | None = None
        self._spoken: Choice | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            action, method = given.get("action", ""), given.get("method", "get").lower()
            self._form = Form(action, method, id=given.get("id", ""))
            self.forms.append(self._form)
        elif tag == "a" and "href" in given:
            self._spoken = Choice(href=given["href"])
            self.links.append(self._spoken)
        elif tag == "input" and self._form:
            self._add_input(self._form, given)
        elif tag == "button" and (form := self._form_of(given.get("form"))):
            self._spoken = Choice(name=given.get("name", ""), value=given.get("value", ""))
            form.buttons.append(self._spoken)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag in ("a", "button"):
            self._spoken = None

    def handle_data(self, data: str) -> None:
        if self._spoken:
            self._spoken.text += data

    def _form_of(self, name: str | None) -> Form | None:
        """The form that a button belongs to: the one it names, else the one around it."""
        return next((form for form in self.forms if form.id == name), None) if name else self._form

    @staticmethod
    def _add_input(form: Form, given: dict[str, str]) -> None:
        kind, name, value = given.get("type", "text").lower(), given.get("name", ""), given.get("value", "")
        if kind == "submit":
            form.buttons.append(Choice(text=value, name=name, value=value))
        elif name and (kind not in ("checkbox", "radio") or "checked" in given):
            form.fields.append((kind, name, value))


# --- deciding ------------------------------------------------------------------------------------


def fill_in(form: Form) -> list[tuple[str, str]]:
    """What a person types into the fields of a form; hidden ones stay as they are."""
    return [(name, _typed(kind, name, value)) for kind, name, value in form.fields]


def _typed(kind: str, name: str, value: str) -> str:
    if kind == "password":
        return PASSWORD
    if kind in ("text", "email") and NAME_OF_A_PERSON.search(name) and not CODE.search(name):
        return PERSON
    return value


def press(form: Form, button: Choice | None) -> list[tuple[str, str]]:
    """The data that a form sends when this button is pressed."""
    pressed = [(button.name, button.value)] if button and button.name else []
    return fill_in(form) + pressed


def say_yes(page: Page) -> tuple[Form, Choice | None] | None:
    """The first form and its first button that is no refusal; None if the page asks nothing."""
    if not page.forms or page.forms[0].asks_for_a_code:
        return None
    form = page.forms[0]
    return form, next((button for button in form.buttons if not button.says_no), None)


def say_no(page: Page) -> tuple[Form, Choice] | Choice | None:
    """The button or the link that refuses; None if the page has none."""
    for form in page.forms:
        for button in form.buttons:
            if button.says_no:
                return form, button
    return next((link for link in page.links if page.forms and link.says_no), None)


# --- walking -------------------------------------------------------------------------------------


class Visit:
    """One walk from an authorization URL to the callback."""

    def __init__(self, *, deny: bool) -> None:
        self._deny = deny
        self._opener: OpenerDirector = build_opener(ProxyHandler({}), HTTPCookieProcessor(CookieJar()))
        self.pages: list[str] = []

    def walk(self, url: str) -> str:
        """Go on until a page asks nothing more; return its URL."""
        html = self._get(url)
        for _ in range(MOST_PAGES):
            answered = self._answer(Page(html))
            if answered is None:
                return self.pages[-1]
            html = answered
        raise LostError(f"still asked after {MOST_PAGES} pages")

    def look(self, url: str) -> str:
        """Open a URL and answer nothing; return where it ended."""
        self._get(url)
        return self.pages[-1]

    def _answer(self, page: Page) -> str | None:
        refusal = say_no(page) if self._deny else None
        if isinstance(refusal, Choice):
            return self._get(urljoin(self.pages[-1], refusal.href))
        decision = refusal or say_yes(page)
        return self._submit(*decision) if decision else None

    def _submit(self, form: Form, button: Choice | None) -> str:
        target, data = urljoin(self.pages[-1], form.action), urlencode(press(form, button))
        if form.method == "post":
            return self._open(Request(target, data=data.encode()))
        return self._get(f"{target.partition('?')[0]}?{data}")

    def _get(self, url: str) -> str:
        return self._open(Request(url))

    def _open(self, request: Request) -> str:
        if urlsplit(request.full_url).hostname not in LOOPBACK:
            raise LostError(f"not on loopback: {request.full_url}")
        try:
            with self._opener.open(request, timeout=TIMEOUT) as answer:
                self.pages.append(answer.geturl())
                return str(answer.read().decode("utf-8", "replace"))
        except HTTPError as error:
            raise LostError(f"{error.code} at {error.geturl()}: {error.read(500)!r}") from error


def came_back(url: str) -> bool:
    """Does this URL carry an authorization response?"""
    return bool({"code", "error"} & parse_qs(urlsplit(url).query).keys())


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url")
    parser.add_argument("--deny", action="store_true", help="decline wherever that is offered")
    arguments = parser.parse_args()
    visit = Visit(deny=arguments.deny)
    try:
        last = visit.walk(arguments.url)
    except (LostError, OSError) as error:
        print(f"browser.py: {error}; pages: {visit.pages}", file=sys.stderr)
        return 1
    if not came_back(last):
        print(f"browser.py: ended at {last}, which is no callback; pages: {visit.pages}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
