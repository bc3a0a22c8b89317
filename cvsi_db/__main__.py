"""The command line: a server of the same gallery answers it, if one runs, else this process does."""

from __future__ import annotations

import os
import sys
from importlib import import_module


def main() -> None:
    """Run `cvsi-db`, and exit."""
    from cvsi_db.server.client import ask

    name = os.path.basename(sys.argv[0])
    try:
        code = ask(sys.argv[1:], "python -m cvsi_db" if name == "__main__.py" else name)
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted\n")
        sys.exit(130)
    if code is None:
        import_module("cvsi_db.cli").main()
    sys.exit(code)


if __name__ == "__main__":
    main()
