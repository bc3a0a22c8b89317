"""The method `composed` on benchmarks of the field: a composer's one vector, against brute force and a search."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from cvsi_db.cli import cli
from cvsi_db.errors import UsageError
from cvsi_db.evaluation.annotations import READERS
from cvsi_db.evaluation.baselines import choose_methods, field_methods
from cvsi_db.evaluation.field import FieldBenchmark
from cvsi_db.evaluation.field_report import Report
from cvsi_db.evaluation.field_run import FieldRun, run_field
from cvsi_db.gallery import Gallery
from cvsi_db.models.bundle import load_bundle
from cvsi_db.models.spec import BUNDLES, load_spec
from cvsi_db.records import FloatArray, Rewrite
from tests.evaluation import field_data
from tests.evaluation.conftest import silent
from tests.fakes import FakeEncoder
from tests.models.small_composer import save_bundle, stand_in


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The stand-in of sentence-transformers, in its place."""
    module: ModuleType = stand_in()
    monkeypatch.setitem(sys.modules, "sentence_transformers", module)
    return module


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return save_bundle(tmp_path)


class Nobody:
    """A rewriter that must not be asked."""

    name = "nobody"

    def rewrite(self, captions: Sequence[str], edit_text: str) -> Rewrite:
        raise AssertionError("nothing is to be rewritten")


def run(benchmark: FieldBenchmark, model: Path) -> tuple[Report, dict[str, list[Any]]]:
    """The report, and what the files for the benchmark's server rank, in its gallery beside the bundle file."""
    bundle, folder = load_bundle(str(model), "cpu"), model.parent
    methods = choose_methods(("composed",), bundle.spec, field_methods(benchmark.rules.preset))
    given = FieldRun(folder / "db", bundle, methods, Nobody(), submit=folder / "out")
    _, report, warnings = run_field(benchmark, given, silent, time.perf_counter())
    assert warnings == ()
    ranked = json.loads(Path(report["submissions"]["composed"][0]).read_text())
    return report, {query: names for query, names in ranked.items() if isinstance(names, list)}


def unit(rows: FloatArray) -> FloatArray:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True))


def brute_force(benchmark: FieldBenchmark, instruction: str) -> dict[str, list[str]]:
    """By query the names of its index, by the cosine of every image with what the stand-in makes of the query."""
    fake = FakeEncoder()
    seen = {name: fake.encode_images([Image.open(benchmark.paths[name]).convert("RGB")])[0] for name in benchmark.names}
    kept = {name: unit(row).astype(np.float16).astype(np.float32) for name, row in seen.items()}
    found = {}
    for query in benchmark.queries:
        said, told = fake.encode_texts([" ".join(query.edit_text.split()), instruction])
        both = unit(seen[query.reference] + said + 0.1 * told)
        cosines = {name: float(both @ kept[name]) for name in benchmark.indexes[query.category]}
        if benchmark.rules.excludes_reference:
            del cosines[query.reference]
        found[query.query_id] = sorted(cosines, key=lambda name: -cosines[name])
    return found


@pytest.mark.parametrize("name", ["cirr", "circo", "fashioniq"])
def test_composed_ranks_by_cosine_with_the_composers_one_vector(
    name: str, package: Any, bundle: Path, tmp_path: Path
) -> None:
    benchmark = READERS[name](getattr(field_data, name)(tmp_path / name), "val", None)
    report, ranked = run(benchmark, bundle)
    expected = brute_force(benchmark, "as told")
    assert {query: list(map(str, names)) for query, names in ranked.items()} == expected
    k = 10 if name == "fashioniq" else 5
    hit = [not {*query.targets}.isdisjoint(expected[query.query_id][:k]) for query in benchmark.queries]
    assert report["methods"]["composed"][f"recall@{k}"]["value"] == pytest.approx(100 * np.mean(hit), abs=0.01)
    origin = [report[name] for name in ("rewrites", "captions_per_image", "instruction")]
    assert origin == [{}, {"min": 0, "max": 0}, "as told"]
    kinds = Counter(kind for kinds, _ in package.calls for kind in kinds)
    assert kinds == {"image": len(set(benchmark.paths.values())), "image+text": len(benchmark.queries)}


def test_it_ranks_as_a_search_with_the_preset_does(package: Any, bundle: Path, tmp_path: Path) -> None:
    benchmark = READERS["circo"](field_data.circo(tmp_path / "circo"), "val", None)
    _, ranked = run(benchmark, bundle)
    with Gallery.open(bundle.parent / "db", model=str(bundle), device="cpu") as gallery:
        for query in benchmark.queries:
            reference = benchmark.paths[query.reference]
            hits = gallery.search(reference, query.edit_text, k=50, preset="composed", exclude_reference=False)
            assert [int(Path(hit.path).stem) for hit in hits] == ranked[query.query_id]


def test_the_instruction_is_in_the_key_of_what_is_kept(package: Any, bundle: Path, tmp_path: Path) -> None:
    benchmark = READERS["circo"](field_data.circo(tmp_path / "circo"), "val", None)
    _, first = run(benchmark, bundle)
    package.calls.clear()
    assert run(benchmark, bundle)[1] == first
    assert package.calls == []
    bundle.write_text('arch = "st:composer"\ninstruction = "in red and in blue and in green"\n')
    _, other = run(benchmark, bundle)
    assert package.calls == [(["image+text"] * 3, "in red and in blue and in green")]
    assert {query: list(map(str, names)) for query, names in other.items()} == brute_force(
        benchmark, "in red and in blue and in green"
    )
    package.calls.clear()
    bundle.write_text('arch = "st:composer"\ninstruction = "as told"\n')
    assert run(benchmark, bundle)[1] == first
    assert package.calls == []


def test_two_queries_of_one_reference_are_composed_apart(package: Any, bundle: Path, tmp_path: Path) -> None:
    folder = field_data.circo(tmp_path / "circo")
    entries = json.loads((folder / "annotations" / "val.json").read_text())
    entries[1]["reference_img_id"] = entries[0]["reference_img_id"]
    entries[2] |= {"reference_img_id": entries[0]["reference_img_id"], "relative_caption": "make  it blue "}
    field_data.write_json(folder / "annotations" / "val.json", entries)
    benchmark = READERS["circo"](folder, "val", None)
    _, ranked = run(benchmark, bundle)
    assert {query: list(map(str, names)) for query, names in ranked.items()} == brute_force(benchmark, "as told")
    assert ranked["0"] == ranked["2"] != ranked["1"]
    assert [kinds for kinds, _ in package.calls if "image+text" in kinds] == [["image+text"] * 2]  # equal ones once


def test_only_a_composer_has_the_method(bundle: Path) -> None:
    among = field_methods("circo")
    assert "composed" not in choose_methods((), BUNDLES["bge-vl-base"], among)
    assert "composed" in choose_methods((), load_spec(str(bundle)), among)
    said = "method 'composed' takes a model that embeds image and text together, and this bundle's does not: choose am"
    with pytest.raises(UsageError, match=said):
        choose_methods(("composed",), BUNDLES["starter"], among)
    with pytest.raises(UsageError, match="method 'pseudo_token' takes a phi, and this bundle has none"):
        choose_methods(("pseudo_token",), load_spec(str(bundle)), among)


def test_the_command_line_runs_it(package: Any, bundle: Path, tmp_path: Path) -> None:
    data = field_data.circo(tmp_path / "circo")
    where = ["eval", "circo", "--data", str(data), "--db", str(tmp_path / "db"), "--model", str(bundle), "--quiet"]
    done = CliRunner().invoke(cli, [*where, "--device", "cpu", "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert list(report["methods"]) == [
        "image", "text", "image+text", "sum", "edited_caption", "edited_captions", "cvsi-pseudo_token", "composed",
    ]  # fmt: skip
    again, _ = run(READERS["circo"](data, "val", None), bundle)
    assert report["methods"]["composed"] == again["methods"]["composed"]
