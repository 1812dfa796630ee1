"""HTML that cannot be forgotten to escape: text is text until a function of this module made markup of it."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TypeAlias

from mcp_vacuum.safety.url import printable

Attribute: TypeAlias = str | int | None
VOID = frozenset({"meta", "input"})
"""The elements of this page that have no end."""


class Markup(str):
    """Finished markup; every other string is text and becomes escaped."""

    __slots__ = ()


Child: TypeAlias = str | Iterable["str | None"] | None


def el(name: str, /, *children: Child, **attributes: Attribute) -> Markup:
    """Return an element.

    Args:
        name: Its name.
        children: Markup as it is, text escaped; iterables are joined, None is nothing.
        attributes: `class_` is ``class``, other underscores are hyphens. True is the bare name; None and
            False leave the attribute out.
    """
    written = "".join(map(_attribute, attributes.items()))
    if name in VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{join(*children)}</{name}>")


def join(*children: Child) -> Markup:
    """Put markup and text one after the other."""
    return Markup("".join(map(_child, children)))


def raw(text: str) -> Markup:
    """Take text of this package, such as a style sheet, as it is."""
    return Markup(text)


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, str):
        return escape("\n".join(printable(line, len(line) + 1) for line in child.split("\n")))
    return join(*child)


def _attribute(item: tuple[str, Attribute]) -> str:
    name, value = item
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(printable(str(value), 4000))}"'
