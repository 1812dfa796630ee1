"""LAB-21: servers behind https whose certificates are wrong, and one whose certificate is right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal
from urllib.parse import quote, urlsplit

from mcp_vacuum.audit.evidence.client import CONNECTED
from mcp_vacuum.audit.scenarios.scenario import Arrange, Scenario, Stage, Twist
from mcp_vacuum.lab.certificates import Authority, Flaw
from mcp_vacuum.lab.encrypted import Encrypted
from mcp_vacuum.lab.messages import App, Params, Request, Response

TRUST = ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO")
"""By which variable clients in several languages are told of an authority."""
Names = dict[str, str]
"""What stands for what in a text."""


def behind_tls(flaw: Flaw, at: Literal["mcp", "authorization"] = "mcp") -> Arrange:
    """Put TLS before both servers; the certificate of one of them has this flaw."""

    def arrange(stage: Stage) -> None:
        authority = Authority.make(stage.folder)
        origins = (stage.lab.mcp_url.removesuffix("/mcp"), stage.lab.issuer)
        flaws: tuple[Flaw, Flaw] = (flaw, "") if at == "mcp" else ("", flaw)
        fronts = [_front(stage, authority, *each) for each in zip(origins, flaws, strict=True)]
        outside = {
            origin: f"https://localhost:{front.port}" for origin, front in zip(origins, fronts, strict=True)
        }
        stage.environment |= dict.fromkeys(TRUST, str(authority.bundle))
        stage.url = said(stage.lab.mcp_url, outside)
        stage.aliases |= {urlsplit(there).netloc: urlsplit(here).netloc for here, there in outside.items()}
        stage.twist(translated(outside))
        stage.ending.append(lambda: _note(stage, fronts[0 if at == "mcp" else 1]))

    return arrange


def _front(stage: Stage, authority: Authority, origin: str, flaw: Flaw) -> Encrypted:
    return stage.stack.enter_context(Encrypted(urlsplit(origin).port or 0, authority.context(flaw)))


def _note(stage: Stage, front: Encrypted) -> None:
    if front.met:
        stage.notes.append(CONNECTED)


def translated(outside: Names) -> Twist:
    """Speak of https outside, and of the laboratory's own origins inside."""
    inside = {there: here for here, there in outside.items()}

    def twist(request: Request, app: App) -> Response:
        hosts = {urlsplit(there).netloc: urlsplit(here).netloc for here, there in outside.items()}
        headers = {**request.headers, "host": said(request.headers.get("host", ""), hosts)}
        asked = replace(
            request, headers=headers, query=_meant(request.query, inside), form=_meant(request.form, inside)
        )
        response = app(asked)
        told = tuple((name, said(value, outside)) for name, value in response.headers)
        return replace(response, headers=told, body=said(response.body.decode(), outside).encode())

    return twist


def _meant(params: Params, names: Names) -> Params:
    return {name: tuple(said(value, names) for value in values) for name, values in params.items()}


def said(text: str, names: Names) -> str:
    """Replace names in a text, also where they are percent-encoded."""
    for here, there in names.items():
        text = text.replace(here, there).replace(quote(here, safe=""), quote(there, safe=""))
    return text


def a_person_inside(stage: Stage, url: str) -> None:
    """Visit by plain http: the stand-in speaks no TLS, and its certificates are not what is tried."""
    there = next((each for each in stage.aliases if f"https://{each}/" in url), "")
    stage.visit(url.replace(f"https://{there}", f"http://{stage.aliases.get(there, there)}"))


def _scenarios() -> Iterable[Scenario]:
    words: dict[Flaw, str] = {
        "unknown": "is signed by nobody that is trusted",
        "expired": "is over since yesterday",
        "other-name": "is another host's",
    }
    yield Scenario(
        "LAB-21/good",
        "both servers are behind https, with good certificates of an authority of the laboratory",
        arrange=behind_tls(""),
        person=a_person_inside,
    )
    for flaw, wrong in words.items():
        yield Scenario(
            f"LAB-21/{flaw}",
            f"the MCP server's certificate {wrong}",
            arrange=behind_tls(flaw),
            person=a_person_inside,
        )
    for flaw in ("unknown", "other-name"):
        yield Scenario(
            f"LAB-21/server-{flaw}",
            f"the authorization server's certificate {words[flaw]}",
            arrange=behind_tls(flaw, "authorization"),
            person=a_person_inside,
        )


SCENARIOS = tuple(_scenarios())
