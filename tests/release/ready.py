"""Says what a release of the version in ``version.py`` still lacks; the last step of release-check."""

import re
import subprocess
import sys
from pathlib import Path

from convae.version import __version__

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Print what is missing, a line each; return 1 if there is something."""
    faults = missing(ROOT, __version__)
    changed = subprocess.run(
        ["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if changed.returncode or changed.stdout.strip():
        faults.append("git: there are changes that are not committed, or this is no clone")
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"convae {__version__}: {'not ready' if faults else 'ready'} for a release")
    return bool(faults)


def missing(root: Path, version: str) -> list[str]:
    """What the files of a release lack, a sentence each.

    Args:
        root: the folder of the source.
        version: the version that is to be released.
    """
    faults = []
    dated = rf"^## {re.escape(version)} - \d{{4}}-\d\d-\d\d$"
    if not re.search(dated, (root / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.M):
        faults.append(f"CHANGELOG.md: has no heading '## {version} - YYYY-MM-DD'")
    if f"\nversion: {version}\n" not in (root / "CITATION.cff").read_text(encoding="utf-8"):
        faults.append(f"CITATION.cff: has no line 'version: {version}'")
    if "\ndate-released: " not in (root / "CITATION.cff").read_text(encoding="utf-8"):
        faults.append("CITATION.cff: has no line 'date-released: YYYY-MM-DD'")
    if not (root / f"docs/release-notes/{version}.md").is_file():
        faults.append(f"docs/release-notes/{version}.md: is missing")
    if not list((root / f"tests/storage/old_models/{version}").glob("*.convae")):
        faults.append(
            f"tests/storage/old_models/{version}: is missing; run tests/storage/make_old_models.py"
        )
    return faults


if __name__ == "__main__":
    sys.exit(main())
