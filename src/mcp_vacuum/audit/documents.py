"""A settings document, and the line on which each of its members stands. Pure: text in, values out.

JSON as editors take it, with comments and trailing commas, and TOML. Nothing is expanded.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from json import JSONDecodeError, JSONDecoder
from typing import Any

from mcp_vacuum.audit.spotting import shapes_in
from mcp_vacuum.safety.secret import shown
from mcp_vacuum.safety.url import printable

Path = tuple[str | int, ...]
"""The names and numbers that lead to a member."""
DEEPEST = 40
_SKIP = re.compile(r"(?:\s+|//[^\n]*|/\*(?:[^*]|\*(?!/))*\*/)*")
_HEADER = re.compile(r"\s*\[\[?\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"\s*((?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"|'[^']*'))*)\s*=")
_PART = re.compile(r"\"([^\"]*)\"|'([^']*)'|([\w-]+)")
_BARE = re.compile(r"[\w-]+")
_RANDOM = re.compile(r"(?=[\w-]*\d)(?=[\w-]*[a-z])(?=[\w-]*[A-Z])[\w-]{28,}")
"""What no person would choose for a name; some programs file a record under its token."""


class NotADocument(ValueError):
    """The text cannot be understood.

    Attributes:
        line: Where, from 1; None if that is not known.
    """

    def __init__(self, why: str, line: int | None = None) -> None:
        """Say why; nothing of the text is repeated."""
        super().__init__(why)
        self.line = line


@dataclass(frozen=True, slots=True)
class Leaf:
    """A member that has no members."""

    path: Path
    value: Any = field(repr=False)
    line: int | None

    @property
    def name(self) -> str:
        """The last name on the way to it: for an entry of a list, the list's."""
        return next((part for part in reversed(self.path) if isinstance(part, str)), "")

    @property
    def told(self) -> str:
        """The way to it, for people."""
        return told(self.path)


@dataclass(frozen=True, slots=True)
class Document:
    """A document: an object or a list, and the lines of its members by the way to them."""

    root: Any = field(repr=False)
    lines: Mapping[Path, int]

    def at(self, path: Path) -> Any:
        """Return what is there; None if there is nothing."""
        value: Any = self.root
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def line(self, path: Path) -> int | None:
        """Return the line of a member, or of what it is in."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)

    def leaves(self, path: Path = ()) -> Iterator[Leaf]:
        """Return everything under a member that has no members, in order."""
        value = self.at(path) if path else self.root
        if isinstance(value, Mapping):
            for name in value:
                yield from self.leaves((*path, name))
        elif isinstance(value, list):
            for number in range(len(value)):
                yield from self.leaves((*path, number))
        else:
            yield Leaf(path, value, self.line(path))


def told(path: Path) -> str:
    """Return a way as people write it, such as ``mcpServers.files.args[2]``; a secret in it is masked."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _BARE.fullmatch(part) and part == _masked(part):
            text += f".{part}"
        else:
            text += f'."{_masked(part)}"'
    return text.removeprefix(".")


def read_json(text: str) -> Document:
    """Read JSON with comments and trailing commas.

    Raises:
        NotADocument: It is malformed, too deep, or neither an object nor a list.
    """
    return _Reader(text).document()


def read_toml(text: str) -> Document:
    """Read TOML.

    Raises:
        NotADocument: It is malformed.
    """
    try:
        root = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as caught:
        line = re.search(r"at line (\d+)", str(caught))
        raise NotADocument("it is no TOML", int(line[1]) if line else None) from None
    return Document(root, dict(_toml_lines(text)))


def _masked(name: str) -> str:
    for _, value, _ in tuple(shapes_in(name)):
        name = name.replace(value, shown(value))
    return printable(_RANDOM.sub(lambda found: shown(found[0]), name), 60)


def _toml_lines(text: str) -> Iterator[tuple[Path, int]]:
    """Find the keys; a value over several lines may hide one, which then has its table's line."""
    table: Path = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _parts(header[1])
            yield table, number
        elif key := _KEY.match(line):
            yield (*table, *_parts(key[1])), number


def _parts(text: str) -> Path:
    return tuple(found[1] or found[2] or found[3] or "" for found in _PART.finditer(text))


class _Reader:
    """Reads one text from its beginning to its end."""

    def __init__(self, text: str) -> None:
        self.text = text.removeprefix("\ufeff")
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.decoder = JSONDecoder(strict=False)
        self.breaks = [found.start() for found in re.finditer("\n", self.text)]

    def document(self) -> Document:
        root = self.value((), 0)
        if self.next():
            raise self.wrong("something follows the end of the document")
        if not isinstance(root, (dict, list)):
            raise NotADocument("it is neither a JSON object nor a list", 1)
        return Document(root, self.lines)

    def next(self) -> str:
        """Return the next character that counts, and stand on it."""
        found = _SKIP.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.text[self.at : self.at + 1]

    def value(self, path: Path, depth: int) -> Any:
        first = self.next()
        if depth > DEEPEST:
            raise self.wrong(f"it is more than {DEEPEST} levels deep")
        self.lines.setdefault(path, self.line())
        if first == "{":
            return self.members(path, depth)
        if first == "[":
            return self.items(path, depth)
        return self.scalar()

    def members(self, path: Path, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self.at += 1
        while self.next() != "}":
            line = self.line()
            name = self.scalar()
            if not isinstance(name, str) or self.next() != ":":
                raise self.wrong("a member needs a name in quotes and a colon")
            self.at += 1
            self.lines[*path, name] = line
            found[name] = self.value((*path, name), depth + 1)
            self.comma("}")
        self.at += 1
        return found

    def items(self, path: Path, depth: int) -> list[Any]:
        found: list[Any] = []
        self.at += 1
        while self.next() != "]":
            found.append(self.value((*path, len(found)), depth + 1))
            self.comma("]")
        self.at += 1
        return found

    def comma(self, end: str) -> None:
        if self.next() == ",":
            self.at += 1
        elif self.next() != end:
            raise self.wrong(f"a comma or {end} is missing")

    def scalar(self) -> Any:
        try:
            value, self.at = self.decoder.raw_decode(self.text, self.at)
        except (JSONDecodeError, RecursionError):
            raise self.wrong("a value is missing or malformed") from None
        return value

    def line(self) -> int:
        return bisect_right(self.breaks, self.at - 1) + 1

    def wrong(self, why: str) -> NotADocument:
        return NotADocument(why, self.line())
