"""Checks the documentation: links lead somewhere, Python examples run, commands have options that exist."""

import re
import shlex
import sys
import tempfile
from contextlib import chdir
from pathlib import Path

import click


def main(paths: list[str]) -> int:
    files = [f for p in map(Path, paths) for f in (sorted(p.glob("*.md")) if p.is_dir() else [p])]
    faults = [fault for file in files for fault in _faults(file)]
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"{len(files)} documents, {len(faults)} faults")
    return bool(faults)


def _faults(file: Path) -> list[str]:
    return [*_broken_links(file), *_wrong_commands(file), *_failing_examples(file)]


def _broken_links(file: Path) -> list[str]:
    links = re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", file.read_text(encoding="utf-8"))
    faults = []
    for link, heading in links:
        if "://" in link:
            continue
        target = file.parent / link if link else file
        if not target.exists():
            faults.append(f"{file}: the link {link} leads nowhere")
        elif heading and heading not in _headings(target):
            faults.append(f"{file}: there is no heading #{heading} in {target}")
    return faults


def _headings(file: Path) -> set[str]:
    """What links call the headings of a document: lower case, no punctuation, hyphens for spaces."""
    text = re.sub(r"```.*?```", "", file.read_text(encoding="utf-8"), flags=re.S)
    titles = re.findall(r"^#+ +(.*)$", text, flags=re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def _wrong_commands(file: Path) -> list[str]:
    """Parse each ``convae`` command of the ``sh`` and ``bash`` blocks, without running it."""
    faults = []
    text = file.read_text(encoding="utf-8")
    for block in re.findall(r"^ *```(?:sh|bash)\n(.*?)```", text, flags=re.S | re.M):
        for line in block.replace("\\\n", " ").splitlines():
            for command in re.findall(r"(?:^|&& )\s*(?:\$ )?convae ([^|&>;]+)", line):
                fault = _parsed(shlex.split(command, comments=True))
                if fault:
                    faults.append(f"{file}: convae {command.strip()}: {fault}")
    return faults


def _parsed(words: list[str]) -> str:
    """Return what is wrong with the words of a command line; empty if they can be parsed."""
    from convae.cli.verb_table import LazyGroup, convae

    command: click.Command = convae
    context = click.Context(convae, info_name="convae")
    try:
        while isinstance(command, LazyGroup):
            name, found, words = command.resolve_command(context, words)
            if found is None or name in ("help", "completion"):
                return ""
            command, context = found, click.Context(found, info_name=name, parent=context)
        command.make_context(context.info_name, words, parent=context.parent)
    except click.exceptions.Exit:  # --help
        return ""
    except click.ClickException as error:
        return error.format_message()
    return ""


def _failing_examples(file: Path) -> list[str]:
    faults = []
    for code in re.findall(r"```python\n(.*?)```", file.read_text(encoding="utf-8"), flags=re.S):
        with tempfile.TemporaryDirectory() as folder, chdir(folder):
            try:
                exec(compile(code, f"{file} example", "exec"), {"__name__": "__main__"})
            except Exception as error:
                faults.append(f"{file}: an example fails: {type(error).__name__}: {error}")
    return faults


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
