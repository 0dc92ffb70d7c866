"""The documentation site: pages for every document, links to pages, a complete reference."""

import importlib
import re
from pathlib import Path

import click
import pytest
from docs.site import build, commands, python_reference

import convae
from convae.cli.verb_table import VERBS, LazyGroup
from convae.cli.verb_table import convae as cli

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference") / "commands"
    commands.write(folder)
    return folder


def test_every_document_of_docs_is_a_page() -> None:
    pages = build.documents()
    for file in (ROOT / "docs").rglob("*.md"):
        assert file.relative_to(ROOT).as_posix() in pages
    assert len(set(pages.values())) == len(pages)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](guide.md#training)", "[a](guide.md#training)"),
        ("[a](../README.md#limits)", "[a](index.md)"),
        ("[a](../benchmarks/RESULTS.md)", "[a](results.md)"),
        ("[a](learn/README.md)", "[a](learn/index.md)"),
        ("[a](../benchmarks/speed.py)", "a"),
        ("[a](https://example.org)", "[a](https://example.org)"),
        ("![words](overview.png)", "![words](overview.png)"),
        ("```\n[a](../README.md)\n```", "```\n[a](../README.md)\n```"),
    ],
)
def test_links_lead_to_pages(text: str, expected: str) -> None:
    assert build._linked(text, "docs/start.md", "start.md", build.documents()) == expected


def test_links_of_a_page_in_a_folder_go_up_first() -> None:
    linked = build._linked(
        "[a](../guide.md) [b](../../README.md)", "docs/learn/x.md", "learn/x.md", build.documents()
    )
    assert linked == "[a](../guide.md) [b](../index.md)"


@pytest.mark.parametrize("verb", VERBS)
def test_the_page_of_a_verb_has_every_option(verb: str, reference: Path) -> None:
    page = (reference / f"{verb}.md").read_text()
    context = click.Context(cli)
    command = cli.get_command(context, verb)
    assert command is not None
    found = [command]
    if isinstance(command, LazyGroup):
        found = [one for name in command.members if (one := command.get_command(context, name))]
    options = [
        name
        for one in found
        for parameter in one.params
        if isinstance(parameter, click.Option) and not parameter.hidden
        for name in parameter.opts
        if name.startswith("--")
    ]
    assert options
    assert [name for name in options if name not in page] == []


def test_quoted_commands_and_options_are_code() -> None:
    text = commands._escaped(
        "'convae fit KIND --help' lists options, --help-all every *one* [default: 3]"
    )
    assert text == (
        "`convae fit KIND --help` lists options, `--help-all` every \\*one\\* \\[default: 3\\]"
    )


def test_every_public_name_is_on_a_page_of_the_reference() -> None:
    listed = [name for _, names in python_reference.PAGES.values() for name in names]
    assert sorted([*listed, "__version__"]) == sorted(convae.__all__)


def test_what_docstrings_refer_to_exists() -> None:
    assert convae.__file__ is not None
    pattern = re.compile(r":(?:class|func|meth|mod|data|attr):`~?(convae\.[\w.]+)`")
    names = {
        name
        for file in Path(convae.__file__).parent.rglob("*.py")
        for name in pattern.findall(file.read_text(encoding="utf-8"))
    }
    assert len(names) > 20
    assert [name for name in sorted(names) if not _exists(name)] == []


def _exists(name: str) -> bool:
    parts = name.split(".")
    for i in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:i]))
        except ModuleNotFoundError:
            continue
        for part in parts[i:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False
