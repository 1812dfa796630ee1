"""The command line and the event loop that the Python servers of the tests share."""

import argparse

import uvicorn
from starlette.types import ASGIApp

from .ledger import Ledger, Recorder, Settings
from .lifeline import die_with_parent


def options(description: str | None) -> argparse.ArgumentParser:
    """A parser that knows what every server takes: --port, --token-lifetime, --grace."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--token-lifetime", type=float, default=300, metavar="SECONDS")
    parser.add_argument("--grace", type=float, default=0, metavar="SECONDS")
    return parser


def ledger_for(arguments: argparse.Namespace) -> Ledger:
    return Ledger(Settings(token_lifetime=arguments.token_lifetime, grace=arguments.grace))


def serve(app: ASGIApp, ledger: Ledger, port: int) -> None:
    """Serve `app` on loopback behind a recorder, as long as the tests live."""
    die_with_parent()
    uvicorn.run(Recorder(app, ledger), host="127.0.0.1", port=port, timeout_graceful_shutdown=1)
