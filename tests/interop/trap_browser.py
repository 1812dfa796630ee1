"""A browser that nobody may start: it notes the call in a file and fails.

`BROWSER="python trap_browser.py FILE %s"`
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    with Path(sys.argv[1]).open("a") as notes:
        print(*sys.argv[2:], file=notes)
    sys.exit(1)
