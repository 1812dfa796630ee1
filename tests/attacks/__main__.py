"""`python -m tests.attacks`: perform every attack, with its defence and without, and say how it went."""

from __future__ import annotations

import argparse
import sys
import time
import warnings

from tests.attacks.kit import Attack
from tests.attacks.report import DOCUMENT, document, families


def main() -> int:
    """Print attack, source and verdict; return 1 if one got through, or if a defence stops nothing."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/attacks.md and perform nothing")
    parser.add_argument("--only", default="", metavar="WORD", help="attacks with this word in name or family")
    given = parser.parse_args()
    if given.write:
        DOCUMENT.write_text(document())
        return 0
    warnings.simplefilter("ignore")
    began, held, succeeded, wrong = time.monotonic(), 0, 0, 0
    for family, attacks in families().items():
        chosen = [attack for attack in attacks if given.only.lower() in f"{family} {attack.name}".lower()]
        if chosen:
            print(f"\n{family}")
        for attack in chosen:
            on, off = _verdict(attack, True), _verdict(attack, False)
            held, succeeded = held + (on is None), succeeded + (off is None)
            wrong += on is not None or off is not None
            _say(attack, on, off)
    print(
        f"\n{held} attacks hold; with the defence off {succeeded} succeed; "
        f"{wrong} are not as they should be; {time.monotonic() - began:.0f} s"
    )
    return 1 if wrong else 0


def _verdict(attack: Attack, defended: bool) -> str | None:
    try:
        return attack.run(defended=defended).wrong
    except Exception as error:  # noqa: BLE001 - a crash is a verdict too
        return f"{type(error).__name__}: {error}"


def _say(attack: Attack, on: str | None, off: str | None) -> None:
    verdict = "holds" if on is None else f"FAILS ({on})"
    test = "defence off: attack succeeds" if off is None else f"defence off: NO DIFFERENCE ({off})"
    print(f"  {attack.name}\n    {attack.source}\n    {verdict}; {test}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
