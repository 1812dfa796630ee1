from __future__ import annotations

import shlex
import sys


def prints(text: str, *, status: int = 0, complaint: str = "") -> str:
    """Return a command that prints `text` and ends with `status`."""
    code = f"import sys; print({text!r}); print({complaint!r}, file=sys.stderr); sys.exit({status})"
    return shlex.join([sys.executable, "-c", code])
