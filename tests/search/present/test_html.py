from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from fnmatch import fnmatch
from importlib.resources import files
from pathlib import Path

from cvsi_db.ingest.thumbnail import SIDE
from cvsi_db.records import ComposedQuery
from cvsi_db.search import SearchContext, SearchResult, search
from cvsi_db.search.present.html import to_html
from cvsi_db.search.present.thumbnails import thumbnail
from tests.fakes import make_picture
from tests.search.conftest import fill, random_vectors


def result_of(context: SearchContext, edit_text: str = 'with a <b>hat</b> & "bow"') -> SearchResult:
    fill(context.store, random_vectors(4, seed=5))
    return search(ComposedQuery(make_picture("red"), edit_text, k=3), context)


def test_the_page_is_self_contained_and_complete(context: SearchContext) -> None:
    result = result_of(context)
    page = to_html(result, make_picture("red"))
    assert "<dt>model</dt>" not in page
    named = replace(result.compiled, model="clip-b32")
    named_page = to_html(SearchResult(result, compiled=named, plan=result.plan, timings_ms={}), None)
    assert "<dt>model</dt><dd>clip-b32</dd>" in named_page
    assert page.startswith("<!doctype html>")
    assert not re.search(r"https?://|//cdn|<script|<link|url\(", page)
    assert page.count('class="card"') == 3
    assert all(f"score {hit.score:.4f}" in page for hit in result)
    assert page.count("data:image/jpeg;base64,") == 1
    assert page.count("(not available)") == 3
    assert 'alt="reference image' in page


def test_texts_and_paths_are_escaped(context: SearchContext) -> None:
    result = result_of(context, "with <script>alert(1)</script>")
    evil = replace(result[0], path='/x/<script>"onerror=1.png', metadata={"captions": ['"><script>']})
    page = to_html(
        SearchResult([evil], compiled=result.compiled, plan=result.plan, timings_ms={}, warnings=["<script>"]), None
    )
    assert "<script" not in page
    assert "with &lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&lt;script&gt;&#34;onerror=1.png" in page


def test_a_page_without_hits_says_so(context: SearchContext) -> None:
    result = search(ComposedQuery(edit_text="a cat", where="width < 0"), context)
    assert "No image in the gallery meets this query" in to_html(result, None)


def test_a_hit_on_disk_shows_its_thumbnail(context: SearchContext, photos: Path) -> None:
    result = result_of(context)
    hits = [replace(hit, path=str(photos / "red.png")) for hit in result]
    page = to_html(SearchResult(hits, compiled=result.compiled, plan=result.plan, timings_ms={}), None)
    assert page.count("data:image/jpeg;base64,") == 3
    assert page.count(f'<a href="{(photos / "red.png").as_uri()}">') == 3
    assert "Hits 1 to 3. Next page: <code>--offset 3</code>" in page


def test_a_thumbnail_is_small() -> None:
    assert len(thumbnail(make_picture("red", (3000, 2000)))) < 20_000
    assert SIDE == 320


def test_examples_are_on_the_page_when_given(context: SearchContext, photos: Path) -> None:
    fill(context.store, random_vectors(4, seed=5))
    plain = to_html(search(ComposedQuery(make_picture("red"), "in blue", k=3), context), None)
    assert "liked images" not in plain
    query = ComposedQuery(make_picture("red"), k=3, liked=(photos / "blue.png",), negative=("a <tree>",))
    page = to_html(search(query, context), None)
    assert "<dt>liked</dt>" in page
    assert "blue.png" in page
    assert "<dt>negative</dt><dd>a &lt;tree&gt;</dd>" in page
    assert 'negative text <span class="number">× -0.5</span>' in page
    assert page.count("var(--negative)") == 4


def test_the_wheel_holds_the_template_and_the_style_sheet() -> None:
    declared = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    names = {each.name for each in files("cvsi_db.search.present").iterdir() if not each.name.endswith((".py", "__"))}
    assert names == {"hits.css", "hits.html.jinja"}
    globs = declared["package-data"]["cvsi_db.search.present"]
    assert "cvsi_db.search.present" in declared["packages"]
    assert all(any(fnmatch(name, glob) for glob in globs) for name in names)
