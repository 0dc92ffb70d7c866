"""Build the documentation site: collect the pages, write the reference, run Sphinx without a warning.

    python -m docs.site.build            # writes build/site/html/index.html

The pages are the documents of the repository, which also read well there. Their links lead to files; here,
links to documents become links to pages, and links to other files show their text alone.
"""

import argparse
import re
import shutil
import sys
from pathlib import Path

from docs.site import commands, python_reference

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# Documents outside of docs/, and the pages that they become.
OUTSIDE = {
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/RESULTS.md": "results.md",
    "examples/README.md": "examples.md",
}
# Where a link to the front page of the repository leads.
FRONT = {"README.md": "index.md"}
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def main(arguments: list[str]) -> int:
    """Build the site; return 1 if Sphinx warns of anything."""
    parser = argparse.ArgumentParser(description="Build the documentation site.")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site")
    out = parser.parse_args(arguments).out
    pages = out / "pages"
    shutil.rmtree(out, ignore_errors=True)
    collect(pages)
    commands.write(pages / "reference" / "commands")
    python_reference.write(pages / "reference" / "python")
    from sphinx.cmd.build import build_main

    code: int = build_main(
        ["-q", "-W", "--keep-going", "-b", "html", str(pages), str(out / "html")]
    )
    if not code:
        print(f"{len(list((out / 'html').rglob('*.html')))} pages: {out / 'html' / 'index.html'}")
    return code


def collect(pages: Path) -> None:
    """Copy every document to its page, with its links rewritten, and everything that pages show."""
    found = documents()
    for document, page in found.items():
        target = pages / page
        target.parent.mkdir(parents=True, exist_ok=True)
        text = (ROOT / document).read_text(encoding="utf-8")
        text = _linked(text, document, page, found)
        if page == "learn/index.md":
            lessons = sorted(
                Path(p).name
                for p in found.values()
                if p.startswith("learn/0") or p.startswith("learn/1")
            )
            text += "\n".join(["", "```{toctree}", ":hidden:", "", *lessons, "```", ""])
        target.write_text(text, encoding="utf-8")
    for file in (*(ROOT / "docs").glob("*.png"), *(ROOT / "docs").glob("*.svg")):
        shutil.copy(file, pages / file.name)
    for folder in (ROOT / "docs").glob("**/pictures"):
        shutil.copytree(folder, pages / folder.relative_to(ROOT / "docs"))
    (pages / "_static").mkdir()
    shutil.copy(HERE / "site.css", pages / "_static")
    shutil.copy(HERE / "conf.py", pages)


def documents() -> dict[str, str]:
    """Return the documents, as paths below the repository, and the page that each becomes."""
    docs = ROOT / "docs"
    inside = {}
    for file in sorted(docs.rglob("*.md")):
        below = file.relative_to(docs).as_posix()
        inside[f"docs/{below}"] = below.removeprefix("site/")
    inside["docs/learn/README.md"] = "learn/index.md"
    return inside | {name: page for name, page in OUTSIDE.items() if (ROOT / name).exists()}


def _linked(text: str, document: str, page: str, found: dict[str, str]) -> str:
    """Return the text of a document with its links leading to pages."""

    def lead(match: re.Match[str]) -> str:
        mark, words, link = match.groups()
        path, _, heading = link.partition("#")
        if "://" in link or not path:
            return match[0]
        aim = _below(ROOT, (ROOT / document).parent / path)
        if aim in FRONT or aim in found:
            where = _relative(FRONT.get(aim) or found[aim], page)
            return (
                f"{mark}[{words}]({where}{'#' + heading if heading and aim not in FRONT else ''})"
            )
        if aim.startswith("docs/site/reference/"):  # a page that is generated
            return match[0]
        if aim.startswith("docs/") and re.search(r"\.(png|svg)$", aim):
            return f"{mark}[{words}]({_relative(aim.removeprefix('docs/'), page)})"
        return words  # a file of the repository, which is no page

    blocks = re.split(r"(^```.*?^```$)", text, flags=re.S | re.M)
    return "".join(b if b.startswith("```") else LINK.sub(lead, b) for b in blocks)


def _below(root: Path, path: Path) -> str:
    return path.resolve().relative_to(root).as_posix()


def _relative(target: str, page: str) -> str:
    """Return the link from a page to another, both below the folder of pages.

    >>> _relative("guide.md", "learn/index.md")
    '../guide.md'
    """
    ups = len(Path(page).parts) - 1
    return "../" * ups + target


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
