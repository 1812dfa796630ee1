"""How an attack is written down, and how it is judged: twice, with its defence and without.

An attack is a function that performs it over real sockets and returns what the attacker *received*. With the
defence on that has to be nothing, and what the user saw has to be what the attack says; with the defence
switched off (in the test, never in the product) it has to be something, or the attack proves nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from importlib import import_module
from typing import Any, Final

import pytest

from mcp_vacuum.errors import VacuumError
from tests.attacks.world import World

Loot = Iterable[str]
"""What the attacker received, in words; empty if nothing."""
Switch = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True, slots=True)
class Defence:
    """What stops an attack.

    Attributes:
        name: The rule, in a few words.
        places: The function that keeps it; several where one layer stands behind another.
        off: Switches it off, for one test.
    """

    name: str
    places: tuple[str, ...]
    off: Switch = field(repr=False)

    def __add__(self, other: Defence) -> Defence:
        """Two layers: the attack gets through only without both."""

        def off(patch: pytest.MonkeyPatch) -> None:
            self.off(patch)
            other.off(patch)

        return Defence(f"{self.name}; {other.name}", (*self.places, *other.places), off)


def defence(name: str, switches: Mapping[str, Any]) -> Defence:
    """Name a defence by its functions; each is replaced wherever the package refers to it.

    Args:
        name: The rule, in a few words.
        switches: Dotted name below `mcp_vacuum`, and what takes its place.
    """

    def off(patch: pytest.MonkeyPatch) -> None:
        for dotted, instead in switches.items():
            replace_everywhere(patch, dotted, instead)

    return Defence(name, tuple(map(_place, switches)), off)


def in_the_test(name: str, place: str, off: Switch) -> Defence:
    """A defence whose absence has to be built: the careless code that others have instead."""
    return Defence(name, (place,), off)


WITHOUT = (pytest.mark.long, pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))
"""Where the defence is off, a login is cut off anywhere, and what it left open is no finding."""


def replace_everywhere(patch: pytest.MonkeyPatch, dotted: str, instead: Any) -> None:
    """Replace a function, and every name by which another module of the package imported it."""
    module, owner, attribute = _found(dotted)
    original = getattr(owner, attribute)
    patch.setattr(owner, attribute, instead)
    if owner is not module or not callable(original):
        return
    for name, other in sys.modules.copy().items():
        if name.startswith("mcp_vacuum"):
            for alias, value in list(vars(other).items()):
                if value is original:
                    patch.setattr(other, alias, instead)


def _found(dotted: str) -> tuple[Any, Any, str]:
    """Return the module, the module or class that has the attribute, and the attribute's name."""
    *parts, attribute = dotted.split(".")
    for size in range(len(parts), 0, -1):
        try:
            module = import_module(".".join(("mcp_vacuum", *parts[:size])))
        except ModuleNotFoundError:
            continue
        return module, reduce(getattr, parts[size:], module), attribute
    raise LookupError(dotted)


def _place(dotted: str) -> str:
    module = _found(dotted)[0].__name__.removeprefix("mcp_vacuum.")
    return f"`{module.replace('.', '/')}.py: {dotted.removeprefix(f'{module}.')}`"


@dataclass(frozen=True, slots=True)
class Sees:
    """What the user gets to see.

    Attributes:
        kind: The class of the error.
        spec: In the rule that it names.
        says: In its message.
    """

    kind: type[VacuumError]
    spec: str = ""
    says: str = ""

    def wrong_with(self, error: BaseException | None) -> str | None:
        """Say what the user did not get to see."""
        if not isinstance(error, self.kind):
            return f"the user saw {error!r}, not {self.kind.__name__}"
        if self.spec not in (error.spec or ""):
            return f"the rule is {error.spec!r}, not {self.spec!r}"
        return None if self.says in error.message else f"the message is {error.message!r}"


NOTHING: Final = None
"""The user sees no error: what they wanted was done."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one run ended: what is wrong, or None."""

    wrong: str | None
    loot: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack of the suite."""

    name: str
    family: str
    source: str
    defence: Defence
    sees: Sees | None
    perform: Callable[[World], Loot]

    def run(self, *, defended: bool) -> Verdict:
        """Perform it in a world of its own."""
        with World() as world:
            if not defended:
                self.defence.off(world.patch)
            try:
                loot = tuple(self.perform(world))
            except Exception as error:
                if defended:
                    raise
                world.error = error
                loot = tuple(world.loot)
            return Verdict(self._held(loot, world) if defended else self._missed(loot, world), loot)

    def _held(self, loot: tuple[str, ...], world: World) -> str | None:
        if loot:
            return f"the attacker received: {'; '.join(loot)}"
        if self.sees is not None:
            return self.sees.wrong_with(world.error)
        return f"the user saw {world.error!r}" if world.error else None

    def _missed(self, loot: tuple[str, ...], world: World) -> str | None:
        return None if loot else f"without its defence the attack brought nothing: {world.error!r}"


ATTACKS: dict[str, Attack] = {}


def attack(
    name: str, *, source: str, defence: Defence, sees: Sees | None
) -> Callable[[Callable[[World], Loot]], Callable[..., None]]:
    """Make a function one attack, and a test with two cases of it."""

    def decorate(perform: Callable[[World], Loot]) -> Callable[..., None]:
        return _test(perform, [_entered(name, perform, source, defence, sees, perform)])

    return decorate


def attacks(
    name: str,
    cases: Mapping[str, object],
    *,
    source: str | Mapping[str, str],
    defence: Defence | Mapping[str, Defence],
    sees: Sees | Mapping[str, Sees] | None,
) -> Callable[[Callable[[World, Any], Loot]], Callable[..., None]]:
    """Make a function several attacks that differ in one value; `{}` in the name is the key of the case.

    Where `source`, `defence` or `sees` is a mapping, a case that is not in it takes the entry ``""``.
    """

    def decorate(perform: Callable[[World, Any], Loot]) -> Callable[..., None]:
        entered = [
            _entered(
                name.format(key),
                perform,
                _for(source, key),
                _for(defence, key),
                _for(sees, key),
                _with(perform, value),
            )
            for key, value in cases.items()
        ]
        return _test(perform, entered)

    return decorate


def _with(perform: Callable[[World, Any], Loot], value: object) -> Callable[[World], Loot]:
    return lambda world: perform(world, value)


def _for(of_cases: Any, key: str) -> Any:
    return of_cases.get(key, of_cases.get("")) if isinstance(of_cases, Mapping) else of_cases


def _entered(
    name: str,
    function: Callable[..., Loot],
    source: str,
    stopped_by: Defence,
    sees: Sees | None,
    perform: Callable[[World], Loot],
) -> Attack:
    module = sys.modules[function.__module__]
    family = (module.__doc__ or "").partition("\n")[0].partition(":")[0]
    assert name not in ATTACKS or ATTACKS[name].family == family, f"two attacks are called {name}"
    ATTACKS[name] = Attack(name, family, source, stopped_by, sees, perform)
    return ATTACKS[name]


def _test(function: Callable[..., Loot], entered: list[Attack]) -> Callable[..., None]:
    # `make test` sees that each holds; that each can succeed is for the long run, and for `make attacks`.
    @pytest.mark.parametrize(
        "defended",
        [pytest.param(True, id="holds"), pytest.param(False, id="defence-off", marks=WITHOUT)],
    )
    @pytest.mark.parametrize("entry", entered, ids=lambda entry: entry.name)
    def test(entry: Attack, defended: bool) -> None:
        verdict = entry.run(defended=defended)
        assert verdict.wrong is None, f"{entry.name}: {verdict.wrong}"

    test.__name__, test.__doc__, test.__module__ = function.__name__, function.__doc__, function.__module__
    return test
