from pathlib import Path

import pytest

from cvsi_db.errors import BundleError
from cvsi_db.models.bundle import BUNDLES, BundleSpec, load_bundle, read_bundle


def test_the_declared_bundles() -> None:
    assert list(BUNDLES) == ["starter", "clip-b32", "clip-l14", "clip-bigg14"]
    assert (BUNDLES["clip-bigg14"].arch, BUNDLES["clip-bigg14"].weights) == ("ViT-bigG-14", "laion2b_s39b_b160k")


def test_an_unknown_bundle_names_the_known_ones() -> None:
    with pytest.raises(BundleError, match="unknown model 'clip-b23': choose one of starter, clip-b32") as caught:
        load_bundle("clip-b23")
    assert caught.value.exit_code == 2


def test_a_bundle_file_with_paths_beside_it(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "mine.toml").write_text('arch = "local-dir:weights"\ncaptioner = "some/hub-name"\ncaptions = 3\n')
    spec = read_bundle(tmp_path / "mine.toml")
    assert spec == BundleSpec(
        name="mine",
        summary="",
        licence="",
        arch=f"local-dir:{(tmp_path / 'weights').resolve()}",
        weights=None,
        phi=None,
        captioner="some/hub-name",
        captions=3,
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('arch = "x"', "'captioner' is missing"),
        ('arch = "x"\ncaptioner = "y"\ncolour = 1', "unknown key 'colour'"),
        ('arch = "x"\ncaptioner = "y"\ncaptions = 0', "captions cannot be 0"),
        ('arch = 1\ncaptioner = "y"', "arch cannot be 1"),
        ('arch = "x"\ncaptioner = "y"\npreprocess = "pad"', "'clip' or 'targetpad', not 'pad'"),
        ("arch = ", "cannot use the bundle"),
    ],
)
def test_an_unusable_bundle_file_is_one_clear_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(BundleError, match=said):
        load_bundle(str(tmp_path / "mine.toml"))


def test_the_fingerprint_follows_the_weights_not_the_path(tmp_path: Path) -> None:
    prints = []
    for folder, weights in (("a", b"one"), ("b", b"one"), ("c", b"two")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "open_clip_model.safetensors").write_bytes(weights)
        (tmp_path / folder / "mine.toml").write_text('arch = "local-dir:."\ncaptioner = "c"\n')
        prints.append(load_bundle(str(tmp_path / folder / "mine.toml"), "cpu").fingerprint)
    assert prints[0] == prints[1] != prints[2]
    assert prints[0].startswith("mine:")


def test_a_bundle_says_where_to_find_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.toml").write_text('arch = "local-dir:."\ncaptioner = "c"\n')
    monkeypatch.chdir(tmp_path)
    assert load_bundle("mine.toml", "cpu").source == str(tmp_path / "mine.toml")
    assert load_bundle("starter", "cpu").source == "starter"
