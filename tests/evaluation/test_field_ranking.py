"""Rankings over a real gallery: those of a search, kept so that a second run asks no model again."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from cvsi_db.errors import GalleryError, RewriteError, VerifyError
from cvsi_db.evaluation.annotations import READERS, read_circo, read_cirr
from cvsi_db.evaluation.baselines import METHODS, Method, choose_methods, field_methods, weights_of
from cvsi_db.evaluation.encoding import Models
from cvsi_db.evaluation.field import FieldBenchmark, Rankings
from cvsi_db.evaluation.field_gallery import UNKNOWN, CaptionOrigin, caption_origin, read_features
from cvsi_db.evaluation.field_ranking import FieldPrepared, prepare_field, rank_field, rewrite_all
from cvsi_db.evaluation.field_verify import verify_field
from cvsi_db.ingest import ingest
from cvsi_db.manage.caption_file import import_captions
from cvsi_db.models.spec import BUNDLES
from cvsi_db.query.weights import PRESETS
from cvsi_db.records import ComposedQuery, Rewrite
from cvsi_db.search import SearchContext, search
from cvsi_db.store.folder import EVALUATION
from tests.evaluation import field_data
from tests.evaluation.conftest import silent
from tests.fakes import FakeCaptioner, FakeEncoder, FakeModels, FakeRewriter
from tests.search.verify.conftest import FakeVerifier

if TYPE_CHECKING:
    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store


@pytest.fixture
def gallery(store: Store, catalog: Catalog, models: Models) -> SearchContext:
    return SearchContext(store, catalog, FakeModels(models.encoder, models.phi, models.captioner), models.rewriter)


def make(name: str, folder: Path, gallery: SearchContext) -> FieldBenchmark:
    """A small benchmark whose images are in the gallery."""
    benchmark = READERS[name](getattr(field_data, name)(folder / name), "val", None)
    take_in(benchmark, gallery)
    return benchmark


def take_in(benchmark: FieldBenchmark, gallery: SearchContext) -> None:
    paths = list(benchmark.paths.values())
    ingest(
        paths,
        store=gallery.store,
        catalog=gallery.catalog,
        encoder=gallery.models.encoder,
        captioner=gallery.models.captioner,
    )


def prepare(benchmark: FieldBenchmark, method: Method, folder: Path, models: Models) -> FieldPrepared:
    return prepare_field(benchmark, [method], models, folder, silent)


def rank_all(
    benchmark: FieldBenchmark, folder: Path, methods: dict[str, Method], models: Models
) -> dict[str, Rankings]:
    prepared = prepare_field(benchmark, methods.values(), models, folder, silent)
    return {name: rank_field(prepared, method) for name, method in methods.items()}


@pytest.mark.parametrize("captioned", [True, False])
@pytest.mark.parametrize("name", ["cirr", "circo", "fashioniq"])
def test_a_method_ranks_as_a_search_with_its_preset(
    name: str, captioned: bool, tmp_path: Path, gallery: SearchContext, models: Models
) -> None:
    if not captioned:
        models = replace(models, captioner=None)
        gallery = replace(gallery, models=FakeModels(models.encoder, models.phi, None))
    benchmark = make(name, tmp_path, gallery)
    queries = tuple(query for query in benchmark.queries if query.edit_text)
    benchmark = replace(benchmark, queries=queries)
    pairs = [("cvsi_paper", name), ("cvsi", "default")]
    if name == "fashioniq":
        pairs.pop()  # FashionIQ takes caption means at unit length for every method, a search for its own preset alone
    for method, preset in pairs:
        chosen = field_methods(name)[method]
        assert chosen == weights_of(PRESETS[preset])
        ranked = rank_field(prepare(benchmark, chosen, tmp_path / "gallery", models), chosen)["recall"]
        name_of = {str(path): image for image, path in benchmark.paths.items()}
        for query in queries:
            reference = benchmark.paths[query.reference]
            asked = ComposedQuery(
                reference, query.edit_text, k=50, preset=preset, exclude_reference=benchmark.rules.excludes_reference
            )
            hits = [name_of[hit.path] for hit in search(asked, gallery)]
            found = tuple(image for image in hits if image in benchmark.index_of(query))
            assert ranked[query.query_id] == found
            assert len(found) == (11 if name == "cirr" else 12)


def test_subsets_are_ranked_as_the_whole(tmp_path: Path, gallery: SearchContext, models: Models) -> None:
    benchmark = make("cirr", tmp_path, gallery)
    method = METHODS["cvsi_paper"]
    ranked = rank_field(prepare(benchmark, method, tmp_path / "gallery", models), method)
    for query in benchmark.queries:
        whole = [image for image in ranked["recall"][query.query_id] if image in query.subset]
        assert ranked["recall_subset"][query.query_id] == tuple(whole[:3])
        assert query.reference not in ranked["recall"][query.query_id]


def test_categories_are_ranked_over_their_own_index(tmp_path: Path, gallery: SearchContext, models: Models) -> None:
    benchmark = make("fashioniq", tmp_path, gallery)
    ranked = rank_field(prepare(benchmark, METHODS["image"], tmp_path / "gallery", models), METHODS["image"])["recall"]
    for query in benchmark.queries:
        assert set(ranked[query.query_id]) == set(benchmark.indexes[query.category])
        assert ranked[query.query_id][0] == query.reference  # nothing is more like it, and it is ranked
    assert "SHIRT3" in ranked["toptee/0"]


def test_means_are_renormalised_for_fashioniq_alone(tmp_path: Path, gallery: SearchContext, models: Models) -> None:
    for name in ("fashioniq", "circo"):
        benchmark = make(name, tmp_path, gallery)
        features = prepare(benchmark, METHODS["text"], tmp_path / "gallery", models).features
        lengths = np.linalg.norm(features.column(1.0), axis=1)
        assert (np.abs(lengths - 1) < 1e-5).all() == (name == "fashioniq")
        assert (np.linalg.norm(features.caption_means, axis=1) < 0.99).all()


def test_names_of_one_content_share_a_row(tmp_path: Path, gallery: SearchContext, models: Models) -> None:
    folder = field_data.circo(tmp_path / "circo")
    pictures = folder / "COCO2017_unlabeled" / "unlabeled2017"
    shutil.copy(pictures / f"{4:012d}.jpg", pictures / f"{9:012d}.jpg")
    benchmark = read_circo(folder, "val")
    take_in(benchmark, gallery)
    assert gallery.store.count() == 11
    ranked = rank_field(prepare(benchmark, METHODS["image"], tmp_path / "gallery", models), METHODS["image"])["recall"]
    for names in ranked.values():
        assert sorted(map(int, names)) == list(range(1, 13))
        assert names.index("9") == names.index("4") + 1  # equal scores stand in the order of the index


def test_features_are_the_stored_rows(tmp_path: Path, gallery: SearchContext, models: Models) -> None:
    benchmark = make("circo", tmp_path, gallery)
    found = read_features(gallery.store, ["7", "3", "7"], benchmark.paths)
    rows = {row.path: row for row in gallery.store.rows(found.image_ids).values()}
    for place, name in enumerate(("7", "3", "7")):
        row = rows[str(benchmark.paths[name])]
        assert found.captions[place] == row.captions
        assert found.images[place].tolist() == row.image_vector.tolist()
        assert found.caption_means[place].tolist() == row.caption_vector.tolist()
    with pytest.raises(GalleryError, match=r"the gallery does not hold '.*/elsewhere\.png'"):
        read_features(gallery.store, ["1"], {"1": tmp_path / "elsewhere.png"})


def test_images_without_captions_are_refused(tmp_path: Path, gallery: SearchContext) -> None:
    benchmark = read_circo(field_data.circo(tmp_path), "val")
    paths = list(benchmark.paths.values())
    ingest(paths, store=gallery.store, catalog=gallery.catalog, encoder=gallery.models.encoder, captioner=None)
    with pytest.raises(GalleryError, match="12 images of the benchmark have no captions yet: run `cvsi-db caption`"):
        read_features(gallery.store, benchmark.names, benchmark.paths)


def test_a_second_run_asks_no_model_again(
    tmp_path: Path, gallery_folder: Path, gallery: SearchContext, models: Models
) -> None:
    benchmark, methods = make("cirr", tmp_path, gallery), choose_methods((), BUNDLES["starter"], field_methods("cirr"))
    encoder, rewriter = models.encoder, models.rewriter
    assert isinstance(encoder, FakeEncoder)
    assert isinstance(rewriter, FakeRewriter)
    first = rank_all(benchmark, gallery_folder, methods, models)
    assert list(first) == list(methods)
    counts = (list(encoder.image_batches), list(encoder.text_batches), list(rewriter.calls))
    assert len(rewriter.calls) == 4  # two edit texts that say something, with one caption and with all
    assert rank_all(benchmark, gallery_folder, methods, models) == first
    assert (encoder.image_batches, encoder.text_batches, rewriter.calls) == counts
    assert any((gallery_folder / EVALUATION).iterdir())


def test_references_are_embedded_once_each(tmp_path: Path, gallery: SearchContext, models: Models) -> None:
    benchmark = make("circo", tmp_path, gallery)
    benchmark = replace(benchmark, queries=tuple(replace(query, reference="5") for query in benchmark.queries))
    encoder = models.encoder
    assert isinstance(encoder, FakeEncoder)
    encoder.image_batches.clear()
    found = prepare(benchmark, METHODS["image"], tmp_path / "gallery", models).terms["image"]
    assert encoder.image_batches == [1]
    assert found.tolist() == [found[0].tolist()] * 3


# --- rewrites ---------------------------------------------------------------------------------------------------

REQUESTS = [(("a red picture",), "with a hat"), (("a dog",), "in blue"), (("a red picture",), "with a hat")]


def test_each_request_is_asked_once_and_kept_for_searches(catalog: Catalog) -> None:
    rewriter, stages = FakeRewriter(), []
    found = rewrite_all(REQUESTS, rewriter, catalog, lambda *now: stages.append(now))
    assert [rewrite.edited_captions[0] for rewrite in found] == [
        "a red picture, with a hat", "a dog, in blue", "a red picture, with a hat",
    ]  # fmt: skip
    assert len(rewriter.calls) == 2
    assert stages == [("rewriting", 1, 2), ("rewriting", 2, 2)]
    assert catalog.rewrite(["a dog"], "in blue", "fake-rewriter") == found[1]
    assert rewrite_all(REQUESTS, rewriter, catalog, silent) == found
    assert len(rewriter.calls) == 2


def test_empty_edit_text_is_not_sent_to_the_rewriter(catalog: Catalog) -> None:
    rewriter = FakeRewriter()
    (found,) = rewrite_all([(("a dog", "a cat"), "")], rewriter, catalog, silent)
    assert (found.edited_captions, found.added_objects, rewriter.calls) == (("a dog", "a cat"), "", [])


class _FailsAfterOne(FakeRewriter):
    """Fails after its first answer."""

    def rewrite(self, captions: tuple[str, ...], edit_text: str) -> Rewrite:  # type: ignore[override]
        if self.calls:
            raise RewriteError("no more")
        return super().rewrite(captions, edit_text)


def test_rewrites_made_before_a_failure_are_kept(catalog: Catalog) -> None:
    with pytest.raises(RewriteError, match=r"request 2 of 2 \('in blue'\): no more"):
        rewrite_all(REQUESTS, _FailsAfterOne(), catalog, silent)
    rewriter = FakeRewriter()
    rewrite_all(REQUESTS, rewriter, catalog, silent)
    assert rewriter.calls == [(("a dog",), "in blue")]


class _WithoutCaptions(FakeRewriter):
    def rewrite(self, captions: tuple[str, ...], edit_text: str) -> Rewrite:  # type: ignore[override]
        return Rewrite((), "", self.name)


def test_rewrite_without_captions_is_an_error(catalog: Catalog) -> None:
    with pytest.raises(RewriteError, match="the rewriter fake-rewriter gave no edited caption for 'with a hat'"):
        rewrite_all(REQUESTS, _WithoutCaptions(), catalog, silent)


def test_prepare_field_writes_no_captions(tmp_path: Path, gallery: SearchContext, models: Models) -> None:
    benchmark = make("cirr", tmp_path, gallery)
    captioner = models.captioner
    assert isinstance(captioner, FakeCaptioner)
    asked = list(captioner.batches)
    assert read_cirr(tmp_path / "cirr", "val").names == benchmark.names
    prepare(benchmark, METHODS["cvsi"], tmp_path / "gallery", models)
    assert captioner.batches == asked


def test_imported_rewrites_stand_for_the_rewriters(tmp_path: Path, gallery: SearchContext, models: Models) -> None:
    benchmark = make("circo", tmp_path, gallery)
    imported = {
        query.query_id: Rewrite((f"a {query.query_id} cat", "a dog"), "a hat", "imported:x")
        for query in benchmark.queries
    }
    methods = [METHODS[name] for name in ("edited_caption", "edited_captions", "pseudo_token")]
    prepared = prepare_field(benchmark, methods, models, tmp_path / "gallery", silent, imported)
    assert isinstance(models.rewriter, FakeRewriter)
    assert models.rewriter.calls == []
    assert prepared.rewriters == {"imported:x": 3}
    rows = models.encoder.encode_texts(["a 1 cat", "a dog"])
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert prepared.terms["edited_caption"][1] == pytest.approx(units[0], abs=1e-6)
    assert prepared.terms["edited_captions"][1] == pytest.approx(units.mean(axis=0), abs=1e-6)


# --- origins ----------------------------------------------------------------------------------------------------


def test_caption_origin_names_who_wrote_the_captions_and_how_many(
    tmp_path: Path, store: Store, catalog: Catalog, gallery: SearchContext
) -> None:
    benchmark = make("circo", tmp_path, gallery)
    names = benchmark.names
    features = read_features(store, names, benchmark.paths)
    each = len(features.captions[0])
    assert caption_origin(features, catalog) == CaptionOrigin((FakeCaptioner().name,), each, each)

    line = {"path": str(benchmark.paths["1"]), "captions": ["a red square", "red", "a", "b", "c", "d", "e"]}
    file = field_data.write_json(tmp_path / "lines.jsonl", line)
    import_captions(file, store=store, catalog=catalog, encoder=gallery.models.encoder)
    mixed = caption_origin(read_features(store, names, benchmark.paths), catalog)
    assert mixed == CaptionOrigin((FakeCaptioner().name, UNKNOWN), each, 7)


class _Fallback(FakeRewriter):
    """Answers under another name than its own, as the second of two rewriters does."""

    def rewrite(self, captions: tuple[str, ...], edit_text: str) -> Rewrite:  # type: ignore[override]
        return replace(super().rewrite(captions, edit_text), rewriter="second")


def test_prepared_counts_the_rewriters_that_answered(
    tmp_path: Path, gallery_folder: Path, gallery: SearchContext, models: Models
) -> None:
    benchmark, method = make("cirr", tmp_path, gallery), METHODS["edited_captions"]
    assert prepare(benchmark, method, gallery_folder, replace(models, rewriter=_Fallback())).rewriters == {"second": 2}
    assert prepare(benchmark, METHODS["image"], gallery_folder, models).rewriters == {}
    assert prepare(benchmark, method, gallery_folder, models).rewriters == {"fake-rewriter": 2}


# --- a second look ----------------------------------------------------------------------------------------------


def test_a_second_look_orders_as_a_verified_search_does_and_is_asked_once(
    tmp_path: Path, gallery: SearchContext, models: Models
) -> None:
    benchmark, method = make("cirr", tmp_path, gallery), weights_of(PRESETS["cirr"])
    prepared = prepare(benchmark, method, tmp_path / "gallery", models)
    plain, verifier = rank_field(prepared, method), FakeVerifier(concurrency=2)
    ranked, told = verify_field(prepared, plain, 4, verifier, tmp_path / "gallery", silent)
    asked = len(verifier.shown)
    assert 2 * 4 <= asked <= 2 * (4 + 3)  # of two queries' first, and of those of their subsets that are not among them
    assert (told.asked, told.kept, told.failures) == (asked, 2 * (4 + 3) - asked, {})
    assert ranked["recall"] != plain["recall"]
    name_of = {str(path): image for image, path in benchmark.paths.items()}
    context = replace(gallery, verifier=lambda: verifier)
    for query in benchmark.queries[:2]:
        reference = benchmark.paths[query.reference]
        wanted = ComposedQuery(reference, query.edit_text, k=50, preset="cirr", exclude_reference=True, verify=4)
        found = tuple(name_of[hit.path] for hit in search(wanted, context))
        assert ranked["recall"][query.query_id] == found
    assert len(verifier.shown) == asked  # a search finds what was said
    last = benchmark.queries[2].query_id  # its edit text says nothing
    assert ranked["recall"][last] == plain["recall"][last]
    again, kept = verify_field(prepared, plain, 4, verifier, tmp_path / "gallery", silent)
    assert (again, kept.asked, kept.kept) == (ranked, 0, told.asked + told.kept)


def test_a_second_look_that_fails_keeps_ranks_and_is_counted(
    tmp_path: Path, gallery: SearchContext, models: Models
) -> None:
    benchmark = make("circo", tmp_path, gallery)
    prepared = prepare(benchmark, METHODS["image"], tmp_path / "gallery", models)
    plain, verifier = rank_field(prepared, METHODS["image"]), FakeVerifier()
    names = plain["recall"]["0"][:3]
    ids = [prepared.features.image_ids[benchmark.names.index(name)] for name in names]
    verifier.told = {ids[0]: 0.1, ids[1]: VerifyError("out of order"), ids[2]: 0.9}
    only = replace(prepared, benchmark=replace(benchmark, queries=benchmark.queries[:1]))
    ranked, told = verify_field(only, plain, 3, verifier, tmp_path / "gallery", silent)
    assert ranked["recall"]["0"][:3] == (names[2], names[1], names[0])
    assert (told.asked, dict(told.failures)) == (3, {"out of order": 1})
    verifier.told = dict.fromkeys(prepared.features.image_ids, VerifyError("no quota"))
    unseen = {"recall": {"0": plain["recall"]["0"][3:6]}}
    with pytest.raises(VerifyError, match="no quota"):
        verify_field(only, unseen, 3, verifier, tmp_path / "gallery", silent)
