"""`python -m tests.fuzz SECONDS`: every property in turn, with new examples, until the time is up."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from importlib import import_module

from hypothesis import HealthCheck, settings

EXAMPLES = 1000
FILES = ("test_answers", "test_conversations", "test_values")


def main() -> int:
    """Run; return 1 if a property does not hold. Hypothesis prints the smallest example that shows it."""
    seconds = float(sys.argv[1]) if sys.argv[1:] else 600.0
    settings.register_profile(
        "long", max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
    )
    settings.load_profile("long")
    properties = _properties()
    until, rounds, failed = time.monotonic() + seconds, 0, dict[str, str]()
    while time.monotonic() < until and not failed:
        rounds += 1
        for name, check in properties.items():
            if time.monotonic() >= until:
                break
            try:
                check()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
                failed[name] = f"{type(error).__name__}: {error}"
                for note in getattr(error, "__notes__", ()):
                    print(f"  {note}")
    for name, why in failed.items():
        print(f"{name}: {why}")
    print(f"{len(properties)} properties, {rounds} rounds of up to {EXAMPLES} examples, {len(failed)} failed")
    return 1 if failed else 0


def _properties() -> dict[str, Callable[[], None]]:
    found: dict[str, Callable[[], None]] = {}
    for file in FILES:
        module = import_module(f"tests.fuzz.{file}")
        names = [name for name in vars(module) if name.startswith("test_")]
        found |= {f"{file}.{name}": getattr(module, name) for name in names}
    return found


if __name__ == "__main__":
    sys.exit(main())
