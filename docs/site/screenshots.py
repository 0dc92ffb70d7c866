"""Screenshots of what convae writes, for the documentation. Needs Chromium and the Python package playwright.

    python docs/site/screenshots.py      # writes docs/pictures/*.png

The images are the digits that come with scikit-learn, so that the pictures can be made anywhere.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PICTURES = Path(__file__).resolve().parent.parent / "pictures"
# Picture -> the commands that are run, the page that is opened, and the part of it that is shown.
SHOTS = {
    "report.png": (
        ["fit autoencoder digits --out my.convae --latent-dim 16 --epochs 15 --quiet"],
        "my-report/report.html",
        (1000, 1240),
    ),
}


def main() -> int:
    """Make every picture."""
    PICTURES.mkdir(exist_ok=True)
    for name, (commands, page, size) in SHOTS.items():
        with tempfile.TemporaryDirectory() as folder:
            for command in commands:
                words = [sys.executable, "-m", "convae", *command.split()]
                subprocess.run(words, cwd=folder, check=True)
            shoot(Path(folder, page).as_uri(), PICTURES / name, size)
    return 0


def shoot(address: str, file: Path, size: tuple[int, int]) -> None:
    """Open an address in Chromium, in a window of (width, height), and save what it shows."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        page.goto(address)
        page.screenshot(path=file)
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
