"""The option `match`: only images with these words in a caption, whatever else is asked, by every strategy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cvsi_db.errors import QueryError
from cvsi_db.ingest import ingest
from cvsi_db.query.json_lines import read_queries
from cvsi_db.query.options import check_query
from cvsi_db.query.statement import parse_statement
from cvsi_db.records import ComposedQuery
from cvsi_db.search import SearchContext, SearchResult, search
from cvsi_db.search.plan.nodes import format_plan
from cvsi_db.store import images
from tests.fakes import save_picture


@pytest.fixture
def filled(context: SearchContext, photos: Path) -> SearchContext:
    """Five pictures with captions, and one without."""
    store, catalog, models = context.store, context.catalog, context.models
    ingest([photos], store=store, catalog=catalog, encoder=models.encoder, captioner=models.captioner)
    save_picture(photos / "bare.png", "red", (90, 50))
    ingest([photos], store=store, catalog=catalog, encoder=models.encoder, captioner=None)
    return context


def names(result: SearchResult) -> list[str]:
    return sorted(hit.metadata["name"] for hit in result)


@pytest.mark.parametrize("named", [images.NAMED, 0])
@pytest.mark.parametrize("strategy", ["resident", "fused", "branches"])
def test_only_images_that_match_are_found(
    filled: SearchContext, photos: Path, strategy: str, named: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "NAMED", named)
    context = replace(filled, strategy=strategy)  # type: ignore[arg-type]
    everything = search(ComposedQuery(photos / "blue.png", "in red", k=10), context)
    red = {hit.image_id for hit in everything if any("red" in text for text in hit.metadata["captions"])}
    assert red
    assert "bare.png" in names(everything)
    found = search(ComposedQuery(photos / "blue.png", "in red", k=10, match="pictures RED"), context)
    assert [(hit.image_id, hit.score) for hit in found] == [
        (hit.image_id, pytest.approx(hit.score, abs=1e-5)) for hit in everything if hit.image_id in red
    ]
    assert f"captions match 'pictures RED' ({len(red)} images)" in format_plan(found.plan)
    alone = search(ComposedQuery(match='"red picture"', k=10), context)
    assert {hit.image_id for hit in alone} == red
    assert alone.compiled.query.edit_text == "red picture"


def test_a_match_and_a_condition_hold_together(filled: SearchContext) -> None:
    assert names(search(ComposedQuery(match="picture", where="name = 'red.png' OR name = 'blue.png'"), filled)) == [
        "blue.png",
        "red.png",
    ]
    none = search(ComposedQuery(edit_text="red", match="zebra"), filled)
    assert (list(none), none.warnings[-1]) == ([], "no image has a caption with all words of 'zebra' (--match)")
    narrow = search(ComposedQuery(match="red", where="width < 0"), filled)
    assert "satisfies the condition 'width < 0'" in narrow.warnings[-1]


def test_a_match_comes_from_json_and_from_sql(filled: SearchContext) -> None:
    [(_, query)] = read_queries(['{"match": "red", "k": 3}'], ComposedQuery())
    assert query == ComposedQuery(match="red", k=3)
    statement = parse_statement("SELECT path FROM compose(match => 'red')", filled.store.columns)
    [source] = statement.sources.values()
    assert source.query.match == "red"  # type: ignore[union-attr]


@pytest.mark.parametrize("match", ["", '" "', "?!"])
def test_a_match_without_a_word_is_an_error(match: str) -> None:
    with pytest.raises(QueryError, match="which has no word"):
        check_query(ComposedQuery(match=match), {})
