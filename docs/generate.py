"""Writes what is made from the code: `python docs/generate.py` writes commands.md, python.md, and tables elsewhere."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import click

import cvsi_db.errors
from cvsi_db import Gallery
from cvsi_db.cli import cli
from cvsi_db.evaluation.paper_rows import bundle_text, costs_table, figures_table, papers_table

DOCS = Path(__file__).parent

COMMON = ("--db DIR", "--quiet", "--debug", "--model BUNDLE", "--no-phi", "--device")
"""How the options begin that mean the same in every command that has them, as `ingest` does."""

CLASSES = (
    "search.result.SearchResult", "search.result.Hit", "search.result.TermScore", "records.ComposedQuery",
    "records.Preset", "ingest.ray_engine.RayEngine",
)  # fmt: skip
RETURNED = (
    "records.IngestProgress", "records.IngestSummary", "records.IngestFailure", "ingest.recaption.RecaptionProgress",
    "ingest.recaption.RecaptionSummary", "manage.caption_file.CaptionImport", "manage.duplicates.Duplicates",
    "manage.duplicates.SameContent", "manage.duplicates.Link", "manage.duplicates.Lookalike", "manage.tags.TagSummary",
    "manage.remove.RemoveSummary", "manage.check.Problem", "manage.repair.RepairSummary",
    "manage.backup.BackupSummary", "manage.export.ExportSummary", "manage.reembed.ReembedPlan",
    "manage.reembed.ReembedSummary", "store.indexes.OptimizeSummary", "records.Usage",
)  # fmt: skip


def commands_page() -> str:
    """docs/commands.md: every command with its help, usage and options."""
    context = click.Context(cli, info_name="cvsi-db")
    listed = list(_commands(cli, context))
    common = [record for record in _records(*listed[0]) if record[0].startswith(COMMON)]
    parts = [
        "# Commands",
        "Made from the code by `python docs/generate.py`. Formats, exit codes and settings: "
        "[the guide](guide.md#output). What the options of a query mean: [query-options.md](query-options.md).",
        "\n".join(
            f"- [{_name(inner)}](#{anchor(_name(inner))}): {command.get_short_help_str(200)}"
            for command, inner in listed
            if inner.parent is context
        ),
        "These options mean the same in every command that has them:",
        _table(common),
    ]
    for command, inner in listed:
        parts += [f"{'##' if inner.parent is context else '###'} {_name(inner)}", *_help(command.help or "")]
        parts.append(f"```\n{inner.command_path} {' '.join(command.collect_usage_pieces(inner))}\n```")
        parts.append(_table(record for record in _records(command, inner) if record not in common))
    return "\n\n".join(filter(None, parts)) + "\n"


def _commands(group: click.Group, context: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context)
        yield command, inner
        if isinstance(command, click.Group):
            yield from _commands(command, inner)


def _name(context: click.Context) -> str:
    return context.command_path.removeprefix("cvsi-db ")


def _help(text: str) -> Iterator[str]:
    """The paragraphs of a command's help; those that click leaves as they are stand in a block of code."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        yield f"```\n{paragraph[1:].strip()}\n```" if paragraph.startswith("\b") else paragraph


def _records(command: click.Command, context: click.Context) -> list[tuple[str, str]]:
    """The options of a command, --help aside, as it shows them."""
    shown = [each for each in command.get_params(context) if each is not command.get_help_option(context)]
    return [record for each in shown if isinstance(each, click.Option) and (record := each.get_help_record(context))]


def _table(records: Iterable[tuple[str, str]]) -> str:
    rows = []
    for names, what in records:
        names = re.sub(r"(INTEGER|FLOAT)( RANGE)?", lambda found: "N" if found[1] == "INTEGER" else "X", names)
        names, what = names.replace("|", r"\|"), re.sub(r"[*|<]", r"\\\g<0>", what)
        rows.append(f"| `{names}` | {what} |")
    return "\n".join(["| option | what it does |", "|---|---|", *rows]) if rows else ""


def python_page() -> str:
    """docs/python.md: the public classes, their methods, what these return, and the errors."""
    methods = [
        (name, member)
        for name, member in vars(Gallery).items()
        if not name.startswith("_") and (callable(member) or isinstance(member, classmethod | staticmethod | property))
    ]
    parts = [
        "# Python",
        "Made from the code by `python docs/generate.py`. Executed examples: [notebook.ipynb](notebook.ipynb).",
        "`from cvsi_db import Gallery` is where to begin; the other public names are "
        + ", ".join(f"`{name}`" for name in cvsi_db.__all__ if name != "Gallery")
        + ". The package has type hints (PEP 561). An image, here called a `Reference`, is a path, a URL, "
        "the bytes of an image file, an open file, a PIL image, or an array of uint8. Every error that is raised on "
        "purpose is a [CvsiError](#errors).",
        "## Gallery",
        *_doc(Gallery),
        "Methods: " + ", ".join(f"[{name}](#{anchor('Gallery.' + name)})" for name, _ in methods) + ".",
    ]
    for name, member in methods:
        parts += _member("Gallery", name, member)
    for path in CLASSES:
        parts += _class(path, "##")
    parts.append("## What the methods return")
    for path in RETURNED:
        parts += _class(path, "###")
    tree = inspect.cleandoc(cvsi_db.errors.__doc__ or "").split("\n\n")
    parts += [
        "## Errors",
        f"{tree[0]} They are in `cvsi_db.errors`.",
        f"```\n{inspect.cleandoc(tree[1])}\n```",
        *tree[2:],
    ]
    return "\n\n".join(parts) + "\n"


def _class(path: str, level: str) -> Iterator[str]:
    module, name = f"cvsi_db.{path}".rsplit(".", 1)
    made = getattr(importlib.import_module(module), name)
    yield f"{level} {name}"
    if is_dataclass(made):
        lines = "\n".join(f"{each.name}: {each.type}" for each in fields(made) if each.init)
        yield f"```python\n{_quoted(lines)}\n```"
    yield from _doc(made)
    for method, member in vars(made).items():
        if not method.startswith("_") and (callable(member) or isinstance(member, property)):
            yield from _member(name, method, member)


def _member(owner: str, name: str, member: Any) -> Iterator[str]:
    """Heading, signature and docstring of a method or a property."""
    yield f"### {owner}.{name}"
    function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
    signature = inspect.signature(function)
    given, kinds = [], set()
    for each in list(signature.parameters.values())[0 if isinstance(member, staticmethod) else 1 :]:
        if each.kind is each.KEYWORD_ONLY and not kinds & {each.VAR_POSITIONAL, each.KEYWORD_ONLY}:
            given.append("*")
        kinds.add(each.kind)
        stars = {each.VAR_POSITIONAL: "*", each.VAR_KEYWORD: "**"}.get(each.kind, "")
        default = "" if each.default is each.empty else f" = {each.default!r}"
        given.append(f"{stars}{each.name}: {each.annotation}{default}")
    returns = signature.return_annotation
    line = f"{name}({', '.join(given)}) -> {returns}"
    if isinstance(member, property):
        line = f"{name}: {returns}"
    elif len(line) > 100:
        line = f"{name}(\n" + "".join(f"    {each},\n" for each in given) + f") -> {returns}"
    yield f"```python\n{_quoted(line)}\n```"
    yield from _doc(function)


def _doc(thing: object) -> Iterator[str]:
    """The paragraphs of a docstring, its examples as code."""
    for paragraph in (inspect.getdoc(thing) or "").split("\n\n"):
        text = re.sub(r" +# doctest: \+SKIP", "", paragraph)
        yield f"```python\n{text}\n```" if text.startswith(">>>") else text


def _quoted(code: str) -> str:
    return code.replace("'", '"')


TABLES = {
    "papers": papers_table,
    "figures": figures_table,
    "costs": costs_table,
    "bundle": lambda: f"```toml\n{bundle_text('l14-paper')}```",
}
"""What stands in reproduction.md between `<!-- made: NAME -->` and `<!-- end -->`."""


def reproduction_page() -> str:
    """docs/reproduction.md as it is, with its tables made anew."""

    def made(found: re.Match[str]) -> str:
        return f"<!-- made: {found[1]} -->\n\n{TABLES[found[1]]()}\n\n<!-- end -->"

    text = (DOCS / "reproduction.md").read_text("utf-8")
    return re.sub(r"<!-- made: (\w+) -->.*?<!-- end -->", made, text, flags=re.DOTALL)


def anchor(heading: str) -> str:
    """The name of a heading in a link, as GitHub has it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


PAGES = {"commands.md": commands_page, "python.md": python_page, "reproduction.md": reproduction_page}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), "utf-8")
