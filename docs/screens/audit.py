"""`make screens`, second part: audit a laboratory with a few faults, and take pictures of the report.

Writes `audit.png` and `audit-dark.png` beside this file. Ports, times and the moment of the recording are
replaced by fixed ones, so that a re-run changes only what the program changed. It needs Chromium; without it
the pictures stay as they are.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from mcp_vacuum.lab import Lab

HERE = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SIZE = "1280,1560"
PICTURES = {"audit": (), "audit-dark": ("--blink-settings=preferredColorScheme=0",)}
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
PORT = re.compile(r"(?<=127\.0\.0\.1:)\d{4,5}")
TOOK = re.compile(r'(?<=class="took">)\d+ ms')
RECORDED = re.compile(r"recorded [0-9: -]+ UTC")


def main() -> int:
    """Take the pictures."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print("there is no Chromium here: the pictures of the audit stay as they are", file=sys.stderr)
        return 0
    with tempfile.TemporaryDirectory(prefix="mcp-vacuum-screens-") as folder:
        page = Path(folder, "audit.html")
        _audit(page)
        page.write_text(_fixed(page.read_text(encoding="utf-8")), encoding="utf-8")
        for name, more in PICTURES.items():
            _take(browser, page, HERE / f"{name}.png", more)
            print(f"{name}.png")
    return 0


def _audit(page: Path) -> None:
    """Run the command against a server that breaks a few rules."""
    program = str(Path(sys.executable).with_name("mcp-vacuum"))
    with Lab() as lab:
        lab.faults.no_pkce_advertised = True
        lab.faults.wrong_issuer = "https://login.example.org"
        lab.faults.resource_metadata_override = {"scopes_supported": ["mcp:tools", "admin"]}
        command = [program, "audit", "server", lab.mcp_url, "--format", "html", "--output", str(page)]
        subprocess.run(command, check=True, capture_output=True)


def _fixed(text: str) -> str:
    """Put fixed values in the place of those that differ from run to run."""
    ports: dict[str, str] = {}
    for port in PORT.findall(text):
        ports.setdefault(port, str(41001 + len(ports)))
    text = PORT.sub(lambda found: ports[found.group()], text)
    return RECORDED.sub("recorded 2026-11-30 12:00 UTC", TOOK.sub("4 ms", text))


def _take(browser: str, page: Path, picture: Path, more: tuple[str, ...]) -> None:
    flags = [*FLAGS, f"--user-data-dir={page.parent / picture.stem}", f"--window-size={SIZE}", *more]
    command = [browser, *flags, f"--screenshot={picture}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=100)


if __name__ == "__main__":
    sys.exit(main())
