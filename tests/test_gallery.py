"""Gallery: the folder with its bundle. What search and ingest do is tested with their stages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvsi_db import Gallery
from cvsi_db.errors import BundleError, GalleryError, IngestError, ModelError, QueryError, RankError
from tests.fakes import save_picture


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for colour in ("red", "green", "blue"):
        save_picture(folder / f"{colour}.png", colour)
    return folder


@pytest.fixture(scope="module")
def folder(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of three pictures, made with the starter bundle."""
    folder = tmp_path_factory.mktemp("made") / "gallery"
    done: list[tuple[str, int]] = []
    with Gallery.create(folder, model="starter", device="cpu") as gallery:
        summary = gallery.ingest(pictures, on_progress=lambda now: done.append((now.phase, now.done)), batch_size=2)
    assert (summary.new, summary.embedded, summary.failed) == (3, 3, 0)
    assert done == [("embedding", 2), ("embedding", 3), ("captioning", 3)]
    return folder


def test_stats_and_images(folder: Path, pictures: Path) -> None:
    with Gallery.open(folder, device="cpu") as gallery:
        stats = gallery.stats()
        names = [image["name"] for image in gallery.images("width > 10")]
        assert gallery.check() == []
    assert (stats["images"], stats["files"], stats["model"], stats["dim"]) == (3, {"ok": 3}, "starter", 256)
    assert names == ["blue.png", "green.png", "red.png"]


def test_open_or_create_opens_what_is_there(folder: Path, pictures: Path) -> None:
    with Gallery.open_or_create(folder, model="starter", device="cpu") as gallery:
        assert gallery.ingest(pictures).embedded == 0


def test_a_gallery_is_not_made_twice_nor_opened_where_there_is_none(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match="holds a gallery already"):
        Gallery.create(folder, model="starter", device="cpu")
    with pytest.raises(GalleryError, match=r"no gallery in .*cvsi-db ingest"):
        Gallery.open(tmp_path / "none")


def test_another_bundle_is_refused_with_both_fingerprints(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text('arch = "ViT-B-32"\nweights = "openai"\ncaptioner = "x"\n')
    with pytest.raises(BundleError, match=r"made with starter:\w{16}, not with other:\w{16}: use --model starter"):
        Gallery.open(folder, model=str(tmp_path / "other.toml"))


def test_a_gallery_is_not_made_with_a_phi_that_is_missing(tmp_path: Path) -> None:
    from cvsi_db.models.spec import STARTER

    lines = [f'arch = "local-dir:{STARTER / "clip"}"', f'captioner = "{STARTER / "captioner"}"', 'phi = "typo.pt"']
    (tmp_path / "mine.toml").write_text("\n".join(lines))
    with pytest.raises(ModelError, match=r"phi 'typo.pt' does not exist"):
        Gallery.create(tmp_path / "gallery", model=str(tmp_path / "mine.toml"), device="cpu")
    assert not (tmp_path / "gallery").exists()


def test_a_gallery_opens_with_bundles_that_differ_only_in_name_and_phi(folder: Path, tmp_path: Path) -> None:
    from cvsi_db.models.spec import STARTER

    text = f'arch = "local-dir:{STARTER / "clip"}"\ncaptioner = "{STARTER / "captioner"}"\n'
    for phi in ("", f'phi = "{STARTER / "phi.safetensors"}"\n'):
        (tmp_path / "copy.toml").write_text(text + phi)
        with Gallery.open(folder, model=str(tmp_path / "copy.toml"), device="cpu") as gallery:
            assert gallery.stats()["fingerprint"].startswith("starter:")


def test_a_query_that_cannot_be_meant_fails_before_any_model_loads(folder: Path) -> None:
    with Gallery.open(folder, device="cpu") as gallery:
        with pytest.raises(QueryError, match="k is 0"):
            gallery.search("red.png", "with a hat", k=0)
        with pytest.raises(RankError, match="unknown preset"):
            gallery.search("red.png", "with a hat", preset="best")
        with pytest.raises(RankError, match="unknown term"):
            gallery.search("red.png", "with a hat", rank="beauty")
        assert "encoder" not in vars(gallery._bundle)


def test_nothing_to_ingest(folder: Path, tmp_path: Path) -> None:
    with Gallery.open(folder, device="cpu") as gallery, pytest.raises(IngestError, match="no image"):
        gallery.ingest(tmp_path)


def test_two_writers(folder: Path, pictures: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from cvsi_db.store.folder import write_lock

    with (
        Gallery.open(folder, device="cpu") as gallery,
        write_lock(folder),
        ThreadPoolExecutor(1) as other,
        pytest.raises(GalleryError, match="another process is writing"),
    ):
        other.submit(gallery.ingest, pictures).result()


def test_a_gallery_remembers_a_bundle_of_the_users_own(pictures: Path, tmp_path: Path) -> None:
    from cvsi_db.models.starter import FOLDER

    spec = f'arch = "local-dir:{FOLDER / "clip"}"\ncaptioner = "{FOLDER / "captioner"}"\ncaptions = 2\n'
    (tmp_path / "mine.toml").write_text(spec)
    with Gallery.create(tmp_path / "gallery", model=str(tmp_path / "mine.toml"), device="cpu") as gallery:
        gallery.ingest(pictures)
    with Gallery.open(tmp_path / "gallery", device="cpu") as gallery:
        hits = gallery.search(pictures / "red.png", "make it blue", k=2)
        assert len(hits) == 2
        assert "this bundle has no phi" in hits.warnings[0]
        assert all(len(image["captions"]) == 2 for image in gallery.images())


# --- captions ---------------------------------------------------------------------------------------------------


def bundle_with(captioner: Path, folder: Path, captions: int = 3) -> str:
    """A bundle file of the starter's CLIP and this captioner; returns its name."""
    from cvsi_db.models.starter import FOLDER

    text = f'arch = "local-dir:{FOLDER / "clip"}"\ncaptioner = "{captioner}"\ncaptions = {captions}\n'
    (folder / "mine.toml").write_text(text)
    return str(folder / "mine.toml")


@pytest.mark.parametrize("kind", ["blip", "blip2"])
def test_a_gallery_captioned_by_blip(pictures: Path, tmp_path: Path, kind: str) -> None:
    from tests.models import small_captioners

    (tmp_path / kind).mkdir()
    captioner: Path = getattr(small_captioners, f"save_{kind}")(tmp_path / kind)
    model = bundle_with(captioner, tmp_path, captions=15)
    with Gallery.create(tmp_path / "gallery", model=model, device="cpu") as gallery:
        assert gallery.ingest(pictures).new == 3
        captions = {image["name"]: image["captions"] for image in gallery.images()}
        hits = gallery.search(pictures / "red.png", "make it blue", k=3)
        assert gallery.check() == []
    assert [len(of_one) for of_one in captions.values()] == [15, 15, 15]
    words = {word for of_one in captions.values() for text in of_one for word in text.replace("##", "").split()}
    assert len(words & set(small_captioners.WORDS)) > 3
    assert hits.compiled.captions == tuple(captions["red.png"])
    assert sorted(Path(hit.path).name for hit in hits) == ["blue.png", "green.png"]


@pytest.fixture
def bare(pictures: Path, tmp_path: Path) -> Iterator[Gallery]:
    """A gallery of three pictures without captions."""
    with Gallery.create(tmp_path / "bare", model="starter", device="cpu") as gallery:
        assert gallery.ingest(pictures, caption=False).new == 3
        yield gallery


def scores(gallery: Gallery, pictures: Path) -> dict[str, float]:
    hits = gallery.search(pictures / "red.png", "make it blue", rank="image + edited_captions", k=3)
    return {Path(hit.path).name: hit.score for hit in hits}


def test_pictures_are_found_before_they_are_captioned_and_after(bare: Gallery, folder: Path, pictures: Path) -> None:
    assert (bare.stats()["uncaptioned"], bare.check()) == (3, [])
    without = scores(bare, pictures)
    summary = bare.caption()
    assert (summary.captioned, summary.skipped, bare.stats()["uncaptioned"], bare.check()) == (3, 0, 0, [])
    with Gallery.open(folder, device="cpu") as captioned:
        assert scores(bare, pictures) == pytest.approx(scores(captioned, pictures), abs=1e-4)
        assert set(without) == set(scores(captioned, pictures))
        assert without != pytest.approx(scores(captioned, pictures), abs=1e-4)


def test_more_captions_than_the_bundle_writes(bare: Gallery, pictures: Path) -> None:
    with pytest.raises(IngestError, match="cannot write 0 captions per image"):
        bare.caption(captions=0)
    assert bare.caption(captions=7).captioned == 3
    captions = {image["name"]: tuple(image["captions"]) for image in bare.images()}
    assert [len(of_one) for of_one in captions.values()] == [7, 7, 7]
    assert bare.search(pictures / "red.png", "make it blue").compiled.captions == captions["red.png"]


def test_captions_carry_over_to_another_gallery(bare: Gallery, folder: Path, pictures: Path, tmp_path: Path) -> None:
    with Gallery.open(folder, device="cpu") as captioned:
        (tmp_path / "captions.jsonl").write_text("\n".join(captioned.export_captions()))
        expected = scores(captioned, pictures)
        captions = [image["captions"] for image in captioned.images()]
    summary = bare.import_captions(tmp_path / "captions.jsonl")
    assert (summary.matched, summary.unmatched, summary.empty, summary.images) == (3, 0, 0, 3)
    assert [image["captions"] for image in bare.images()] == captions
    assert scores(bare, pictures) == pytest.approx(expected, abs=1e-6)
    assert bare.caption().captioned == 0


def test_captioning_waits_for_the_one_who_writes(bare: Gallery, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from cvsi_db.store.folder import write_lock

    (tmp_path / "none.jsonl").write_text("")
    with write_lock(bare.folder), ThreadPoolExecutor(2) as others:
        waiting = [others.submit(bare.caption), others.submit(bare.import_captions, tmp_path / "none.jsonl")]
        for other in waiting:
            with pytest.raises(GalleryError, match="another process is writing"):
                other.result()


# --- keeping it: what each call does is tested with its module ---------------------------------------------------


@pytest.fixture
def kept(pictures: Path, tmp_path: Path) -> Iterator[Gallery]:
    """A gallery of three pictures in a folder of its own, without captions."""
    folder = tmp_path / "pictures"
    for picture in pictures.iterdir():
        save_picture(folder / picture.name, picture.stem)
    with Gallery.create(tmp_path / "kept", model="starter", device="cpu") as gallery:
        assert gallery.ingest(folder, caption=False, tags=["mine"]).new == 3
        yield gallery


def test_a_dry_run_needs_neither_models_nor_the_lock(kept: Gallery, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from cvsi_db.store.folder import write_lock

    save_picture(tmp_path / "pictures" / "white.png", "white")
    with (
        Gallery.open(kept.folder, device="cpu") as other,
        write_lock(kept.folder),
        ThreadPoolExecutor(1) as elsewhere,
    ):
        planned = elsewhere.submit(other.ingest, tmp_path / "pictures", dry_run=True).result()
        removal = elsewhere.submit(other.remove, tmp_path / "pictures", dry_run=True).result()
        assert "encoder" not in vars(other._bundle)
    assert (planned.new, planned.unchanged, removal.images, removal.dry_run) == (1, 3, 3, True)
    assert kept.stats()["images"] == 3


def test_pruning_forgets_what_is_gone(kept: Gallery, tmp_path: Path) -> None:
    (tmp_path / "pictures" / "red.png").unlink()
    assert kept.ingest(tmp_path / "pictures", caption=False).removed == 1
    assert [image["name"] for image in kept.images(removed=True)] == ["red.png"]
    assert kept.ingest(tmp_path / "pictures", caption=False, prune=True).pruned == 1
    assert kept.images(removed=True) == []


def test_a_gallery_is_tagged_listed_thinned_and_repaired(kept: Gallery, tmp_path: Path) -> None:
    red = tmp_path / "pictures" / "red.png"
    assert kept.tags() == {"mine": 3}
    assert kept.tag(red, add=["sea"], remove=["mine"]).changed == 1
    assert kept.tags(red) == {"sea": 1}
    assert kept.images(limit=1, offset=2, columns=["name", "tags"]) == [{"name": "red.png", "tags": ["sea"]}]
    assert [len(group) for group in kept.duplicates(0.01).near] == [3]
    assert kept.remove(where="array_has(tags, 'sea')").paths == (str(red),)
    assert kept.failed() == []
    (tmp_path / "pictures" / "blue.png").unlink()
    assert [problem.kind for problem in kept.check()] == ["file gone"]
    assert [problem.kind for problem in kept.repair().remaining] == ["file gone"]


def test_whoever_changes_a_gallery_waits_for_the_one_who_writes(kept: Gallery) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from cvsi_db.store.folder import write_lock

    with write_lock(kept.folder), ThreadPoolExecutor(3) as others:
        waiting = [
            others.submit(kept.tag, where="width > 0", add=["a"]),
            others.submit(kept.remove, where="width > 0"),
            others.submit(kept.repair),
        ]
        for other in waiting:
            with pytest.raises(GalleryError, match="another process is writing"):
                other.result()
    assert kept.tags() == {"mine": 3}


def test_a_gallery_and_its_results_show_themselves_in_a_notebook(folder: Path, pictures: Path) -> None:
    gallery = Gallery.open(folder, device="cpu")
    assert len(gallery) == 3
    assert repr(gallery) == f"<Gallery {str(folder)!r}: 3 images, model starter>"
    found = gallery.search(pictures / "red.png", k=2)
    assert repr(found[0]) == f"<Hit {found[0].rank}: {found[0].score:.4f} {found[0].path!r}>"
    assert repr(found) == f"<SearchResult: {found[0]!r}, {found[1]!r}>"
    table = found.to_arrow()
    assert table["path"].to_pylist() == [hit.path for hit in found]
    assert table["image"].to_pylist() == pytest.approx([hit.terms["image"].contribution for hit in found])
    page = found._repr_html_()
    assert page.count("data:image/jpeg;base64,") == 2
    assert Path(found[0].path).name in page
    assert "&lt;i&gt;.png" in replace(found[0], path="/gone/<i>.png")._repr_html_()
    gallery.close()
    gallery.close()
    assert repr(gallery) == f"<Gallery {str(folder)!r}: closed>"
    with pytest.raises(GalleryError, match="is closed: open it again"):
        gallery.search(pictures / "red.png")


def test_public_names_are_listed() -> None:
    import cvsi_db

    assert set(cvsi_db.__all__) <= set(dir(cvsi_db))


def test_an_image_is_recognised_however_it_is_given(folder: Path, pictures: Path) -> None:
    path = pictures / "red.png"
    with Image.open(path) as opened, path.open("rb") as file, Gallery.open(folder, device="cpu") as gallery:
        for given in (path, str(path), path.read_bytes(), opened, file):
            names = {Path(hit.path).name for hit in gallery.search(given)}
            assert names == {"blue.png", "green.png"}, given
        as_array = np.asarray(opened)
        drawn = opened.copy()
        drawn.paste("white", (0, 0, 5, 5))
        for other in (as_array, drawn):
            assert len(gallery.search(other)) == 3
        with pytest.raises(QueryError, match="is an array that holds no image"):
            gallery.search(as_array.astype("complex64"))
