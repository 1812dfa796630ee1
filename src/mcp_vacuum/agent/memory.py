"""What the system can do for a process that holds secrets: no core dump, no debugger, no swap."""

from __future__ import annotations

import ctypes
import resource
import sys
from dataclasses import dataclass

_PR_SET_DUMPABLE = 4
_PR_SET_NAME = 15
_PT_DENY_ATTACH = 31
_MCL_CURRENT_FUTURE_ONFAULT = 1 | 2 | 4


@dataclass(frozen=True, slots=True)
class Protection:
    """What holds for this process's memory.

    Attributes:
        core_dumps: False where the limit for core files is 0.
        traceable: False where another process of the same user cannot read the memory.
        swappable: False where the pages are locked; it needs an unlimited `RLIMIT_MEMLOCK`, because with a
            small one the process would later fail for want of memory.
    """

    core_dumps: bool
    traceable: bool
    swappable: bool


def protect() -> Protection:
    """Ask the system for all that it gives, and return what it gave."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _name_process()
    return Protection(core_dumps=False, traceable=not _untraceable(), swappable=not _locked())


def _name_process() -> None:
    """Be found by `ps` and `pkill` under our name, and not under the interpreter's."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_NAME, b"mcp-vacuum", 0, 0, 0)


def _untraceable() -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin":
        return bool(libc.ptrace(_PT_DENY_ATTACH, 0, 0, 0) == 0)
    return bool(libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)


def _locked() -> bool:
    if sys.platform == "darwin" or resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] != resource.RLIM_INFINITY:
        return False
    # ONFAULT: only pages that are used are kept in memory, not every library whole.
    return bool(ctypes.CDLL(None, use_errno=True).mlockall(_MCL_CURRENT_FUTURE_ONFAULT) == 0)
