"""The notebook of the documentation runs from top to bottom, and what its last lines show is what it says."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = json.loads((ROOT / "docs" / "notebook.ipynb").read_text("utf-8"))["cells"]
    (tmp_path / "sample_gallery").mkdir()
    for name in ("red-cat-beach", "red-cat-beach-top-hat", "blue-penguin-harbour-duck"):
        source = ROOT / "sample_gallery" / f"{name}.png"
        (tmp_path / "sample_gallery" / source.name).write_bytes(source.read_bytes())
    monkeypatch.chdir(tmp_path)
    shown: list[Any] = []
    names: dict[str, Any] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            tree = ast.parse("".join(cell["source"]))
            last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, "notebook", "exec"), names)
            if last is not None:
                shown.append(eval(compile(ast.Expression(last.value), "notebook", "eval"), names))
    gallery, result, rows, reranked, counts, *_ = shown
    assert repr(gallery).endswith(": closed>")
    assert Path(result[0].path).name == "red-cat-beach-top-hat.png"
    assert [row["name"] for row in rows] == [Path(hit.path).name for hit in result]
    assert reranked[0].score == pytest.approx(
        0.2 * reranked[0].terms["image"].similarity + 0.8 * reranked[0].terms["edited_captions"].similarity, abs=1e-6
    )
    assert counts == [{"format": "png", "images": 3, "widest": 448}]
