"""Pages of the command line reference, written from the verbs themselves."""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from convae.cli.verb_table import EXAMPLES, KINDS, VERBS, LazyGroup, convae

HEADER = """# Command line

`convae VERB ...`: a model comes first, then images, then options. `convae help VERB` shows the same on the
terminal; `--help-all` shows every option, as here. Everything that succeeds ends with exit code 0, a fault of
the user's (a wrong option, a file that cannot be used) with 2, a fault of convae's own with 1, and an
interrupted command with 130.
"""


def write(folder: Path) -> None:
    """Write ``index.md`` and a page for each verb."""
    folder.mkdir(parents=True)
    context = click.Context(convae, info_name="convae")
    lines, pages = [HEADER], []
    for heading, example in EXAMPLES.items():
        lines += [
            f"## {heading}",
            "",
            f"```sh\n{example}\n```",
            "",
            "| verb | what it does |",
            "|---|---|",
        ]
        for name, member in VERBS.items():
            if member.group == heading:
                lines.append(f"| [`{name}`]({name}.md) | {_escaped(member.help)} |")
                pages.append(name)
                (folder / f"{name}.md").write_text(
                    "\n".join(_page(name, context)), encoding="utf-8"
                )
        lines.append("")
    lines += ["```{toctree}", ":hidden:", "", *pages, "```", ""]
    (folder / "index.md").write_text("\n".join(lines), encoding="utf-8")


def _page(name: str, context: click.Context) -> Iterator[str]:
    command = convae.get_command(context, name)
    assert command is not None
    inner = click.Context(command, info_name=name, parent=context)
    yield f"# convae {name}\n"
    if isinstance(command, LazyGroup):
        yield from _text(command.help or "")
        yield f"| {KINDS.get(command.kind, 'Members').lower()} | what it does |"
        yield "|---|---|"
        for member in command.list_commands(inner):
            found = command.get_command(inner, member)
            assert found is not None
            yield f"| [`{member}`](#convae-{name}-{member}) | {_escaped(command.members[member].help)} |"
        yield ""
        for member in command.list_commands(inner):
            found = command.get_command(inner, member)
            assert found is not None
            yield f"## convae {name} {member}\n"
            yield from _command(found, click.Context(found, info_name=member, parent=inner), "###")
    else:
        yield from _command(command, inner, "##")


def _command(command: click.Command, context: click.Context, mark: str) -> Iterator[str]:
    """Yield the usage, the description, and the options under their headings."""
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"```text\n{context.command_path} {usage}\n```\n"
    yield from _text(command.help or "")
    sections: dict[str, list[tuple[str, str]]] = {"Required": []}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and isinstance(parameter, click.Option):
            heading = (
                "Required" if parameter.required else getattr(parameter, "heading", "") or "Options"
            )
            sections.setdefault(heading, []).append(record)
    others = sections.pop("Options", [])
    for heading, records in [*sections.items(), ("Options", others)]:
        if records:
            yield f"{mark} {heading}\n" if mark == "##" else f"**{heading}**\n"
        for option, help in records:
            yield f"`{option}`\n: {_escaped(help)}\n"


def _text(help: str) -> Iterator[str]:
    """Yield the paragraphs of a help text; those after \\b are shown as they are."""
    for paragraph in re.split(r"\n\s*\n", help.strip()):
        if paragraph.lstrip().startswith("\b"):
            lines = [line.strip() for line in paragraph.replace("\b", "").strip().splitlines()]
            yield "```sh\n" + "\n".join(lines) + "\n```\n"
        else:
            yield _escaped(" ".join(paragraph.split())) + "\n"


def _escaped(text: str) -> str:
    """Return plain text as Markdown that shows the same, with options and names in capitals as code."""
    text = re.sub(r"([\\`*_\[\]<>|~$])", r"\\\1", " ".join(text.split()))
    command = r"'(convae [^']+)'|(?<![\w-])(--[a-z][a-z-]*[a-z])"
    return re.sub(command, lambda match: f"`{match[1] or match[2]}`", text)
