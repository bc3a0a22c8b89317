"""Wrong kinds of arguments: each call of a gallery's methods raises an error of ours that says what was wanted."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cvsi_db import ComposedQuery, Gallery
from cvsi_db.errors import GalleryError, IngestError, QueryError, RankError, SqlError, UsageError
from cvsi_db.query.arguments import KINDS
from cvsi_db.query.options import BY_FIELD

CALLS: list[tuple[Callable[[Gallery], object], type[UsageError], str]] = [
    (lambda g: g.search(3), QueryError, "reference is 3: give a path or an image"),
    (lambda g: g.search({"a": 1}), QueryError, "reference is {'a': 1}: give a path or an image"),
    (lambda g: g.search(["a.png"]), QueryError, "reference is ['a.png']: give a path or an image"),
    (lambda g: g.search(object()), QueryError, "the reference image is"),
    (lambda g: g.search("a.png", b".."), QueryError, "edit_text is b'..': give a text"),
    (lambda g: g.search("a.png", k="5"), QueryError, "k is '5': give a whole number, 1 or more"),
    (lambda g: g.search("a.png", k=True), QueryError, "k is True: give a whole number, 1 or more"),
    (lambda g: g.search("a.png", where=5), QueryError, "where is 5: give a text"),
    (lambda g: g.search("a.png", rank=[1, 2]), QueryError, "rank is [1, 2]: give an expression or a weight per term"),
    (lambda g: g.search("a.png", rank={"image": "a"}), RankError, "the rank gives image the weight 'a': give a number"),
    (lambda g: g.search("a.png", rank={5: 1.0}), RankError, "unknown term 5 in the rank"),
    (lambda g: g.search("a.png", preset=5), QueryError, "preset is 5: give a text"),
    (lambda g: g.search("a.png", strict=1), QueryError, "strict is 1: give true or false"),
    (lambda g: g.search("a.png", exclude_reference="no"), QueryError, "exclude_reference is 'no': give true or false"),
    (lambda g: g.search("a.png", offset="1"), QueryError, "offset is '1': give a whole number, 0 or more"),
    (lambda g: g.search("a.png", min_score="1"), QueryError, "min_score is '1': give a number"),
    (lambda g: g.search("a.png", liked=5), QueryError, "liked is (5,): give a path, an image, or a list of them"),
    (lambda g: g.search("a.png", unliked=None), QueryError, "unliked is (None,): give a path, an image"),
    (lambda g: g.search("a.png", negative=[5, 6]), QueryError, "negative is (5, 6): give a text or a list of texts"),
    (lambda g: g.search("a.png", pool="a"), QueryError, "pool is 'a': give a whole number, 0 or more"),
    (lambda g: g.search("a.png", after=5), QueryError, "after is 5: give a date such as 2024"),
    (lambda g: g.search("a.png", near=(1, 2)), QueryError, "near is (1, 2): give latitude, longitude and kilometres"),
    (lambda g: g.search("a.png", folder=5), QueryError, "folder is 5: give a folder's path or name"),
    (lambda g: g.search("a.png", camera=5), QueryError, "camera is 5: give a text"),
    (lambda g: g.search("a.png", tag=5), QueryError, "tag is (5,): give a text or a list of texts"),
    (lambda g: g.search("a.png", rating="5"), QueryError, "rating is '5': give a whole number from 1 to 5"),
    (lambda g: g.search_many(5), QueryError, "queries is 5: give a list of ComposedQuery"),
    (lambda g: g.search_many(["a.png"]), QueryError, "queries is ['a.png']: give a list of ComposedQuery"),
    (lambda g: g.search_many(ComposedQuery("a.png")), QueryError, "give a list of ComposedQuery"),
    (lambda g: g.explain("a.png", k="5"), QueryError, "k is '5': give a whole number, 1 or more"),
    (lambda g: g.sql(5), UsageError, "statement is 5: give a text"),
    (lambda g: g.sql(""), SqlError, "the statement is empty: write one SELECT"),
    (lambda g: g.sql("SELECT path FROM compose(?, 'x')", 3), SqlError, "reference takes a path or an image"),
    (lambda g: g.sql("SELECT path FROM images WHERE width > ?", object()), SqlError, "object"),
    (lambda g: g.ingest(None), UsageError, "paths is None: give a path"),
    (lambda g: g.ingest(["a", "b"]), UsageError, "paths is ['a', 'b']: give a path"),
    (lambda g: g.ingest("a", tags="x"), UsageError, "tags is 'x': give a list of texts"),
    (lambda g: g.ingest("a", tags=[5]), UsageError, "tags is [5]: give a list of texts"),
    (lambda g: g.ingest("a", batch_size="5"), UsageError, "batch_size is '5': give a whole number"),
    (lambda g: g.ingest("a", max_pixels=1.5), UsageError, "max_pixels is 1.5: give a whole number"),
    (lambda g: g.ingest("a", prune="yes"), UsageError, "prune is 'yes': give true or false"),
    (lambda g: g.ingest("a", on_progress=5), UsageError, "on_progress is 5: give a function"),
    (lambda g: g.ingest(), IngestError, "no"),
    (lambda g: g.caption(captions="5"), UsageError, "captions is '5': give a whole number"),
    (lambda g: g.caption(batch_size="5"), UsageError, "batch_size is '5': give a whole number"),
    (lambda g: g.import_captions(None), UsageError, "file is None: give a path"),
    (lambda g: g.export(5), UsageError, "file is 5: give a path"),
    (lambda g: g.export("x.parquet", 5), UsageError, "where is 5: give a text"),
    (lambda g: g.export("x.parquet", columns="path"), UsageError, "columns is 'path': give a list of texts"),
    (lambda g: g.export("x.parquet", columns=["x"]), QueryError, "unknown column 'x': the columns are image_id,"),
    (lambda g: g.images(5), UsageError, "where is 5: give a text"),
    (lambda g: g.images(limit="5"), UsageError, "limit is '5': give a whole number"),
    (lambda g: g.images(limit=-1), QueryError, "cannot list -1 images after 0"),
    (lambda g: g.images(columns=["pth"]), QueryError, "unknown column 'pth': did you mean path?"),
    (lambda g: g.images(colour="red"), QueryError, "unknown filter 'colour': the filters are after,"),
    (lambda g: g.images(tag=5), QueryError, "tag is (5,): give a text or a list of texts"),
    (lambda g: g.duplicates("x"), UsageError, "threshold is 'x': give a number"),
    (lambda g: g.tag("a", add="x"), UsageError, "add is 'x': give a list of texts"),
    (lambda g: g.tag(5, add=["x"]), UsageError, "paths is 5: give a path"),
    (lambda g: g.tags(5), UsageError, "paths is 5: give a path"),
    (lambda g: g.remove(None), UsageError, "paths is None: give a path"),
    (lambda g: g.remove(where=5), UsageError, "where is 5: give a text"),
    (lambda g: g.backup(None), UsageError, "file is None: give a path"),
    (lambda g: g.reembed(None), UsageError, "model is None: give a text"),
    (lambda g: Gallery.open(5), UsageError, "folder is 5: give a path"),
    (lambda g: Gallery.open("a", model=5), UsageError, "model is 5: give a text"),
    (lambda g: Gallery.open("a", rewriter=5), UsageError, "rewriter is 5: give a text"),
    (lambda g: Gallery.create(None), UsageError, "folder is None: give a path"),
    (lambda g: Gallery.open_or_create(b"a"), UsageError, "folder is b'a': give a path"),
    (lambda g: Gallery.check_folder(5), UsageError, "folder is 5: give a path"),
    (lambda g: Gallery.repair_folder("a", model=5), UsageError, "model is 5: give a text"),
    (lambda g: Gallery.restore(5, "a"), UsageError, "file is 5: give a path"),
]  # fmt: skip

USES: list[Callable[[Gallery], object]] = [
    len,
    lambda g: g.search("a.png"),
    lambda g: g.search_many([ComposedQuery("a.png")]),
    lambda g: g.verify([]),
    lambda g: g.explain("a.png"),
    lambda g: g.sql("SELECT 1"),
    lambda g: g.ingest("."),
    lambda g: g.ingest(".", dry_run=True),
    lambda g: g.caption(),
    lambda g: g.export_captions(),
    lambda g: g.import_captions("captions.jsonl"),
    lambda g: g.export("x.parquet"),
    lambda g: g.stats(),
    lambda g: g.images(),
    lambda g: g.each_image(),
    lambda g: g.count(),
    lambda g: g.facets(),
    lambda g: g.through(g.search_many),
    lambda g: g.why_no_image(),
    lambda g: g.failed(),
    lambda g: g.duplicates(),
    lambda g: g.thumbnails([]),
    lambda g: g.is_replaced(),
    lambda g: g.tag(".", add=["x"]),
    lambda g: g.tags(),
    lambda g: g.remove("."),
    lambda g: g.check(),
    lambda g: g.repair(),
    lambda g: g.backup("x.tar"),
    lambda g: g.reembed("starter"),
    lambda g: g.optimize(),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("made") / "gallery"
    Gallery.create(made, model="starter", device="cpu").close()
    return made


@pytest.fixture(scope="module")
def gallery(folder: Path) -> Iterator[Gallery]:
    with Gallery.open(folder, device="cpu") as gallery:
        yield gallery


@pytest.mark.parametrize(("call", "error", "said"), CALLS, ids=[said[:30] for _, _, said in CALLS])
def test_an_argument_of_the_wrong_kind(
    gallery: Gallery, call: Callable[[Gallery], object], error: type[UsageError], said: str
) -> None:
    with pytest.raises(error) as raised:
        call(gallery)
    assert said in str(raised.value)
    assert type(raised.value) is error
    assert "\n" not in str(raised.value) or error is SqlError


def test_every_argument_of_every_method_has_a_kind() -> None:
    free = {"self", "cls", "values", "parameters", "filters", "metadata", "results"}
    for name, member in vars(Gallery).items():
        function = getattr(member, "__func__", member)
        if (
            not name.startswith("_")
            and callable(function)
            and name not in ("search", "search_many", "explain", "close")
        ):
            assert inspect.signature(function).parameters.keys() - free <= KINDS.keys(), name
            assert hasattr(function, "__wrapped__"), name
    assert inspect.signature(Gallery.search).parameters.keys() - {"self"} <= BY_FIELD.keys()


def test_closed_means_closed_for_every_method(folder: Path) -> None:
    gallery = Gallery.open(folder, device="cpu")
    gallery.close()
    gallery.close()
    for use in USES:
        with pytest.raises(GalleryError, match=r"the gallery '.*gallery' is closed: open it again"):
            use(gallery)
    assert repr(gallery) == f"<Gallery {str(folder)!r}: closed>"


def test_that_is_every_method() -> None:
    used = {name for use in USES if use is not len for name in use.__code__.co_names}
    methods = {name for name, member in vars(Gallery).items() if inspect.isfunction(member) and name[0] != "_"}
    assert methods - used - {"close"} == set()
