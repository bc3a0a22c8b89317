"""Rows run one after the other, with the real starter models on a small CIRCO: kept, told, and set side by side."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from cvsi_db.evaluation.paper_rows import PAPER_ROWS, Paper, PaperRow
from cvsi_db.evaluation.reproduce import Kit, Outcome, outcomes_table, reproduce
from tests.evaluation import field_data
from tests.evaluation.conftest import silent

PUBLISHED = {"circo": {"map@5": 50.0, "recall@5": 40.0}, "cirr": {}, "fashioniq": {"recall@10": 30.0}}


def row(name: str, method: str) -> PaperRow:
    return PaperRow(name, Paper(name, "nobody, 2026", method, "rules", "all"), "small", "starter", PUBLISHED)


def run(rows: list[PaperRow], kit: Kit) -> dict[tuple[str, str, str], Outcome]:
    return {(each.row.name, each.benchmark, each.split): each for each in reproduce(rows, kit, silent)}


@pytest.mark.slow
def test_rows_run_as_far_as_they_can_and_what_is_finished_is_kept(tmp_path: Path) -> None:
    field_data.circo(tmp_path / "data" / "Circo", "val", images=8)
    field_data.circo(tmp_path / "data" / "Circo", "test", images=8)
    kit = Kit(tmp_path / "data", tmp_path / "out", "cpu")
    rows = [row("broken", "image"), PAPER_ROWS["bge-vl-large"], row("sums", "sum")]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "broken").write_text("a file where reports should go")

    ready = run(rows[2:], replace(kit, dry=True))
    assert [each.state for each in ready.values()] == ["absent", "absent", "ready", "ready", "absent"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["broken"]

    found = run(rows, kit)
    assert {key: each.state for key, each in found.items() if key[1] == "circo"} == {
        ("broken", "circo", "val"): "failed",
        ("broken", "circo", "test"): "failed",
        ("bge-vl-large", "circo", "val"): "absent",
        ("bge-vl-large", "circo", "test"): "absent",
        ("sums", "circo", "val"): "done",
        ("sums", "circo", "test"): "done",
    }
    assert found["sums", "cirr", "val"].reason == f"there is no folder CIRR in '{tmp_path / 'data'}'"
    assert "FileExistsError" in found["broken", "circo", "val"].reason
    assert found["bge-vl-large", "circo", "val"].reason.endswith("`cvsi-db models pull bge-vl-large`")

    done = found["sums", "circo", "val"].to_dict()
    report = json.loads((tmp_path / "out" / "sums" / "circo-val.json").read_text())
    measured = report["methods"]["sum"]["map@5"]
    assert done["figures"][0] == {
        "metric": "map@5",
        "published": 50.0,
        **measured,
        "difference": round(measured["value"] - 50, 2),
    }
    assert [one["metric"] for one in done["figures"]] == ["map@5", "recall@5"]
    assert (done["published_on"], done["seconds"]) == ("test", report["seconds"])
    submission = tmp_path / "out" / "sums" / "circo-test-sum.json"
    assert found["sums", "circo", "test"].to_dict()["submissions"] == [str(submission)]
    assert {query: len(images) for query, images in json.loads(submission.read_text()).items()} == dict.fromkeys(
        "012", 8
    )

    table = outcomes_table(list(found.values()))
    line = next(line for line in table.splitlines() if line.split()[:4] == ["sums", "CIRCO", "val", "mAP@5"])
    ends = [f"{measured[end]:.2f}" for end in ("value", "low", "high")]
    assert line.split()[4:9] == ["50.00", *ends, f"{measured['value'] - 50:+.2f}"]
    assert f"written: {submission}" in table
    assert table.count("`cvsi-db models pull bge-vl-large`") == 1

    shutil.rmtree(tmp_path / "out" / "galleries")
    shutil.rmtree(tmp_path / "data" / "Circo")  # what is finished takes neither images nor a gallery
    again = run(rows[2:], kit)
    assert again["sums", "circo", "val"].report == report
    other = run(rows[2:], replace(kit, limit=2))
    assert other["sums", "circo", "val"].state == "absent"  # it is another question
