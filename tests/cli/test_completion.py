"""What a shell completes: names and files, and nothing heavy is imported for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from cvsi_db.cli import COMMANDS, cli
from cvsi_db.evaluation.baselines import METHODS
from cvsi_db.models.spec import BUNDLES
from cvsi_db.query.weights import PRESETS
from cvsi_db.store.catalog import Catalog, SourceFile
from cvsi_db.store.images import Store
from tests.e2e.test_help import HEAVY


def complete(*words: str | Path) -> tuple[list[str], set[str]]:
    """The words that the last word may become, and what else is completed: "file" or "dir"."""
    *before, last = map(str, words)
    found = ShellComplete(cli, {}, "cvsi-db", "_CVSI_DB_COMPLETE").get_completions(before, last)
    return [item.value for item in found if item.type == "plain"], {item.type for item in found} - {"plain"}


def beginning(word: str, *names: str) -> list[str]:
    return [name for name in names if name.startswith(word)]


@pytest.mark.parametrize(
    ("words", "names", "others"),
    [
        (("sea",), ["search"], set()),
        (("search", "--model", "clip-l"), beginning("clip-l", *BUNDLES), {"file"}),
        (("ingest", "--model", ""), list(BUNDLES), {"file"}),
        (("models", "pull", "bge"), ["bge-vl-base", "bge-vl-large"], {"file"}),
        (("check", "--model", "star"), ["starter"], {"file"}),
        (("search", "--preset", ""), list(PRESETS), set()),
        (("eval", "scenes", "--method", "ima"), ["image", "image+text"], set()),
        (("eval", "cirr", "--method", "cvsi"), beginning("cvsi", *METHODS), set()),
        (("eval", "circo", "--method", "compo"), ["composed"], set()),
        (("eval", "scenes", "--method", "c"), beginning("c", *METHODS), set()),
        (("export", "x.parquet", "--columns", "path,ta"), ["path,taken_at", "path,tags"], set()),
        (("search", "be"), [], {"file"}),
        (("search", "--like", "be"), [], {"file"}),
        (("search", "--device", "c"), ["cpu", "cuda"], set()),
        (("list", "--format", "js"), ["json", "jsonl"], set()),
    ],
)
def test_names_are_completed(words: tuple[str, ...], names: list[str], others: set[str]) -> None:
    assert complete(*words) == (names, others)
    assert names or others


def test_the_columns_are_those_of_a_gallery(store: Store) -> None:
    names, _ = complete("export", "x.parquet", "--columns", "")
    assert names == list(store.columns)
    assert "path" not in complete("export", "x.parquet", "--columns", "path,p")[0]


def test_folders_of_the_gallery_are_completed(catalog: Catalog, gallery_folder: Path, tmp_path: Path) -> None:
    files = [
        ("/photos/trip/a.jpg", "ok"),
        ("/photos/trip/b.jpg", "ok"),
        ("/photos/town/c.jpg", "ok"),
        ("/tr/d", "skipped"),
    ]
    catalog.record_files([SourceFile(path, 1, 1, None, state, None) for path, state in files])  # type: ignore[arg-type]
    assert complete("list", "--db", gallery_folder, "--folder", "t") == (["town", "trip"], {"dir"})
    assert complete("search", "--db", gallery_folder, "--folder", "tr") == (["trip"], {"dir"})
    assert complete("list", "--db", tmp_path / "none", "--folder", "t") == ([], {"dir"})


def test_completing_imports_nothing_heavy() -> None:
    script = (
        "import sys; from cvsi_db.cli import main; sys.argv = ['cvsi-db']\n"
        "try: main()\n"
        f"finally: print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    for line, said in (("cvsi-db search --model sta", "starter"), ("cvsi-db export x --columns pat", "path")):
        words = {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" ")), "_CVSI_DB_COMPLETE": "bash_complete"}
        command = [sys.executable, "-c", script]
        done = subprocess.run(
            command, env={**os.environ, **words}, capture_output=True, text=True, timeout=60, check=False
        )
        assert f"plain,{said}\n" in done.stdout
        assert done.stdout.endswith("[]\n")


def test_every_command_has_completion_for_its_options() -> None:
    for name in COMMANDS:
        assert "--help" in complete(name, "--")[0]
