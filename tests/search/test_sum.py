"""The preset `sum` over a CLIP in transformers' format: the composed query that BGE-VL was trained with.

The reference formula: cos(i + t, x), of the un-normalised features of reference, edit text and image.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from cvsi_db import Gallery
from cvsi_db.errors import RankError
from cvsi_db.records import ComposedQuery, FloatArray
from cvsi_db.search.present.explain import analyze_lines, explain_text
from tests.e2e.conftest import run_cli
from tests.models.small_transformers_clip import save_transformers_clip

PICTURES = 40


def picture(seed: int) -> Image.Image:
    """Large blocks of colour, so that a small random CLIP sees a difference."""
    blocks = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    return Image.fromarray(blocks).resize((64, 48), Image.Resampling.NEAREST)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures, a bundle file, and a gallery of them."""
    folder = tmp_path_factory.mktemp("sum")
    (folder / "pictures").mkdir()
    for seed in range(PICTURES):
        picture(seed).save(folder / "pictures" / f"{seed:02}.png")
    save_transformers_clip(folder / "clip")
    (folder / "mine.toml").write_text('arch = "transformers:clip"\npreset = "sum"\n')
    with Gallery.create(folder / "gallery", model=str(folder / "mine.toml"), device="cpu") as gallery:
        summary = gallery.ingest(folder / "pictures")
    assert (summary.new, summary.captioned, summary.failed) == (PICTURES, 0, 0)
    return folder


@pytest.fixture(scope="module")
def gallery(made: Path) -> Iterator[Gallery]:
    with Gallery.open(made / "gallery", device="cpu") as opened:
        yield opened


@pytest.fixture(scope="module")
def stored(gallery: Gallery) -> dict[str, FloatArray]:
    """The images as the gallery holds them, by name."""
    rows = gallery._store.scan(["name", "image_vector"]).to_pylist()
    return {row["name"]: np.array(row["image_vector"], np.float32) for row in rows}


def reference_scores(
    gallery: Gallery, stored: dict[str, FloatArray], image: Image.Image, edit: str
) -> dict[str, float]:
    encoder = gallery._bundle.encoder
    composed = encoder.encode_images([image])[0] + encoder.encode_texts([edit])[0]
    composed /= np.linalg.norm(composed)
    return {name: float(composed @ vector) for name, vector in stored.items()}


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(100, 10_000), edit=st.sampled_from(["with a hat", "a blue car at night", "two of them", "snow"])
)
def test_sum_equals_the_reference_formula(
    gallery: Gallery, stored: dict[str, FloatArray], seed: int, edit: str
) -> None:
    """The score is that cosine times |i + t| / (|i| + |t|), the same for every image: so is the order."""
    result = gallery.search(picture(seed), edit, k=PICTURES)
    assert result.warnings == ()
    truth = reference_scores(gallery, stored, picture(seed), edit)
    image, text = (each[0] for each in (
        gallery._bundle.encoder.encode_images([picture(seed)]), gallery._bundle.encoder.encode_texts([edit])
    ))  # fmt: skip
    longest = np.linalg.norm(image) + np.linalg.norm(text)
    scale = longest / np.linalg.norm(image + text)
    cosines = {Path(hit.path).name: hit.score * scale for hit in result}
    assert cosines == pytest.approx(truth, abs=1e-5)
    ranked = list(cosines)
    assert all(truth[first] >= truth[second] - 1e-6 for first, second in pairwise(ranked))
    assert {name: term.weight for name, term in result[0].terms.items()} == pytest.approx(
        {"image": np.linalg.norm(image) / longest, "edit_text": np.linalg.norm(text) / longest}, rel=1e-5
    )


def test_explain_shows_what_each_adds_and_what_is_missing(gallery: Gallery) -> None:
    result = gallery.search(picture(500), "with a hat", k=5, pool=PICTURES)
    text = explain_text(result)
    assert "(preset sum, γ 0, weights times the lengths of the embeddings)" in text
    assert "branch pseudo_token is missing: this bundle has no phi" in text
    assert "branch edited_captions is missing: the reference image has no captions" in text
    assert "branch edit_text\n" in text
    assert result.pool is not None
    lines = list(analyze_lines(result, result.compiled.logical.branches, result.pool))
    assert [line.split(":")[0] for line in lines[:2]] == ["branch image_objects", "branch edit_text"]


def test_a_batch_a_statement_and_a_rerank_rank_as_the_search_does(gallery: Gallery) -> None:
    result = gallery.search(picture(7), "with a hat", k=5, pool=PICTURES)
    (many,) = gallery.search_many([ComposedQuery(picture(7), "with a hat", k=5)])
    assert [hit.path for hit in many] == [hit.path for hit in result]
    table = gallery.sql("SELECT path, edit_text, image FROM compose(:ref, 'with a hat') LIMIT 5", ref=picture(7))
    assert table["path"].to_pylist() == [hit.path for hit in result]
    assert table["edit_text"].to_pylist() == pytest.approx([hit.terms["edit_text"].contribution for hit in result])
    weights = {name: term.weight for name, term in result[0].terms.items()}
    assert [hit.path for hit in result.rerank(weights)] == [hit.path for hit in result]
    assert [hit.path for hit in result.rerank("edit_text")] == [
        hit.path for hit in gallery.search(picture(7), "with a hat", k=5, rank="edit_text")
    ]
    plain = gallery.search(picture(7), "with a hat", k=5, rank="image")
    with pytest.raises(RankError, match="for a rerank a search that gave it a weight, or a pool"):
        plain.rerank("edit_text")


def test_other_branches_can_be_added_and_what_is_missing_is_told(gallery: Gallery) -> None:
    rank = "0.5*image + 0.4*edit_text + 0.1*edited_captions"
    result = gallery.search(picture(7), "with a hat", k=5, rank=rank)
    assert result.warnings == ("the reference image has no captions: the edit text stands for the edited captions",)
    with pytest.raises(RankError, match=r"names pseudo_token.*phi"):
        gallery.search(picture(7), "with a hat", rank="image + pseudo_token")


def test_the_commands_search_explain_and_eval_take_it(made: Path, gallery: Gallery) -> None:
    reference = made / "pictures" / "03.png"
    done = run_cli("search", reference, "with a hat", "--db", made / "gallery", "-k", "3", "--format", "json")
    assert done.returncode == 0, done.stderr  # type: ignore[attr-defined]
    shown = json.loads(done.stdout)  # type: ignore[attr-defined]
    assert [hit["path"] for hit in shown["hits"]] == [hit.path for hit in gallery.search(reference, "with a hat", k=3)]
    assert (shown["query"]["preset"], set(shown["query"]["weights"])) == ("sum", {"image", "edit_text"})
    assert (shown["query"]["edited_captions"], shown["query"]["rewriter"], shown["warnings"]) == ([], None, [])
    done = run_cli(
        "eval", "scenes", "--model", made / "mine.toml", "--queries", "9", "--gallery", "90", "--no-cache", "--format",
        "json", "--method", "sum", "--method", "image",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr  # type: ignore[attr-defined]
    assert set(json.loads(done.stdout)["methods"]) == {"sum", "image"}  # type: ignore[attr-defined]
