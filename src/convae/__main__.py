"""``python -m convae`` is the command ``convae``."""

import sys

from convae.cli import main

if __name__ == "__main__":
    sys.exit(main())
