"""A pseudo-terminal to run a command in, and the screen that is left when it has ended."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

COLUMNS, LINES = 100, 40
_TOKEN = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|([\s\S])")
_RESET = "\x1b[0m"

Cell = tuple[str, str]
"""A character and the colour codes that it was printed under."""


def run(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> tuple[str, int]:
    """Run a command in a terminal of its own; return what it printed, byte for byte, and its exit code."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    with subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        cwd=folder,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        printed = b""
        while chunk := _read(ours):
            printed += chunk
        os.close(ours)
        return printed.decode(), process.wait()


def screen(printed: str) -> list[str]:
    """Return the lines that a person sees at the end, spinners gone, with their colours as ANSI codes."""
    lines: list[list[Cell]] = [[]]
    row = column = 0
    style = ""
    for found in _TOKEN.finditer(printed):
        numbers, letter, character = found.groups()
        if letter == "m":
            style = "" if numbers in ("", "0") else style + found.group()
        elif letter == "A":
            row = max(row - int(numbers or 1), 0)
        elif letter == "K":
            lines[row] = [] if numbers == "2" else lines[row][:column]
        elif character == "\r":
            column = 0
        elif character == "\n":
            row, column = row + 1, 0
            lines += [[] for _ in range(row + 1 - len(lines))]
        elif character:
            if column == COLUMNS:
                row, column = row + 1, 0
                lines += [[] for _ in range(row + 1 - len(lines))]
            _put(lines[row], column, (character, style))
            column += 1
    return [_as_ansi(line) for line in lines]


def plain(line: str) -> str:
    """Return a line without its colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", line)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux says EIO when the last program has closed the terminal
        return b""


def _put(line: list[Cell], column: int, cell: Cell) -> None:
    line += [(" ", "")] * (column + 1 - len(line))
    line[column] = cell


def _as_ansi(line: list[Cell]) -> str:
    text, current = "", ""
    for character, style in line:
        if style != current:
            text += (_RESET if current else "") + style
            current = style
        text += character
    return (text + (_RESET if current else "")).rstrip()
