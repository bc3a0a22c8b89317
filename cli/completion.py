"""What a shell completes after an option: names of bundles, presets, methods, columns and folders.

Each takes click's context and parameter and the unfinished word, and returns the words that it may become. No model,
table or LanceDB is loaded.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import fields
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from cvsi_db.settings import load_settings

MOST_FILES = 100_000
"""Files of a gallery whose folders are looked at: more would take longer than a person waits."""


def bundles(_ctx: click.Context, _param: click.Parameter, word: str) -> list[CompletionItem]:
    """The bundles that come with the package, else files."""
    from cvsi_db.models.spec import BUNDLES

    return [CompletionItem(word, type="file"), *_beginning(word, BUNDLES)]


def files(_ctx: click.Context, _param: click.Parameter, word: str) -> list[CompletionItem]:
    """Files on disk."""
    return [CompletionItem(word, type="file")]


def presets(_ctx: click.Context, _param: click.Parameter, word: str) -> list[CompletionItem]:
    """The presets."""
    from cvsi_db.query.weights import PRESETS

    return _beginning(word, PRESETS)


def methods(ctx: click.Context, _param: click.Parameter, word: str) -> list[CompletionItem]:
    """The methods that `eval` compares on the command's benchmark."""
    from cvsi_db.evaluation.baselines import METHODS, field_methods

    name = str(ctx.command.name)
    return _beginning(word, METHODS if name == "scenes" else field_methods(name))


def columns(_ctx: click.Context, _param: click.Parameter, word: str) -> list[CompletionItem]:
    """The columns of images, after the last comma."""
    from cvsi_db.records import ImageRow

    before, comma, _ = word.rpartition(",")
    hidden = {"image_vector", "caption_vector", "image_norm", *before.split(",")}
    names = [field.name for field in fields(ImageRow) if field.name not in hidden]
    return _beginning(word, (f"{before}{comma}{name}" for name in names))


def folders(ctx: click.Context, _param: click.Parameter, word: str) -> list[CompletionItem]:
    """The names of the gallery's folders, as its catalog has them, else folders on disk."""
    here = CompletionItem(word, type="dir")
    gallery = ctx.params.get("db") or load_settings().db
    if not isinstance(gallery, Path):  # on object storage: it would take longer than a person waits
        return [here]
    catalog = gallery / "catalog.sqlite"
    query = f"SELECT path FROM source_file WHERE state = 'ok' LIMIT {MOST_FILES}"
    try:
        with closing(sqlite3.connect(f"{catalog.absolute().as_uri()}?mode=ro", uri=True)) as opened:
            names = {Path(path).parent.name for (path,) in opened.execute(query)}
    except sqlite3.Error:  # there is no gallery, or it is of another version
        return [here]
    return [here, *_beginning(word, sorted(names - {""}))]


def _beginning(word: str, names: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(word)]
