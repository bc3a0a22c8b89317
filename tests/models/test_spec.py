"""A user's bundle.toml: what it may say, and what is said of what it may not."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from cvsi_db.errors import BundleError
from cvsi_db.models.bundle import load_bundle
from cvsi_db.models.inventory import PUBLISHED
from cvsi_db.models.spec import BundleSpec, read_bundle


def test_a_bundle_file_with_paths_beside_it(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "mine.toml").write_text('arch = "local-dir:weights"\ncaptioner = "some/hub-name"\ncaptions = 3\n')
    assert read_bundle(tmp_path / "mine.toml") == BundleSpec(
        name="mine",
        summary="",
        licence="",
        arch=f"local-dir:{(tmp_path / 'weights').resolve()}",
        weights=None,
        phi=None,
        captioner="some/hub-name",
        captions=3,
    )


def test_a_bundle_file_without_a_captioner_makes_a_bundle_without_captions(tmp_path: Path) -> None:
    (tmp_path / "bare.toml").write_text('arch = "hf-hub:some/clip"\n')
    assert read_bundle(tmp_path / "bare.toml").captioner is None
    bundle = load_bundle(str(tmp_path / "bare.toml"), "cpu")
    assert bundle.captioner is None


def test_the_papers_setting_in_the_docs_is_a_bundle_file(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reproduction.md").read_text("utf-8")
    (tmp_path / "l14-paper.toml").write_text(page.split("```toml\n")[1].split("```")[0])
    spec = read_bundle(tmp_path / "l14-paper.toml")
    assert (spec.arch, spec.weights, spec.phi, spec.preprocess) == ("ViT-L-14", "openai", "lincir-l14", "targetpad")
    assert spec.captioner in PUBLISHED
    assert (spec.captions, spec.beams, spec.max_tokens, spec.prompt) == (15, 15, 30, "a photo of")
    assert (spec.top_p, spec.temperature) == (0.9, 1.0)


def test_the_example_in_the_docstring_is_read(tmp_path: Path) -> None:
    assert read_bundle.__doc__ is not None
    example = textwrap.dedent(read_bundle.__doc__.split("\n\n")[1])
    (tmp_path / "paper.toml").write_text(example)
    (tmp_path / "phi-l14.pt").touch()
    assert read_bundle(tmp_path / "paper.toml") == BundleSpec(
        name="paper",
        summary="",
        licence="MIT",
        arch="ViT-L-14-quickgelu",
        weights="openai",
        phi=str((tmp_path / "phi-l14.pt").resolve()),
        captioner="Salesforce/blip2-opt-6.7b",
        captions=15,
        preprocess="targetpad",
        preset="circo",
        rewriter="openai,rules",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('captioner = "y"', "'arch' is missing"),
        ('arch = "x"\ncaptioner = "y"\ncolour = 1', "unknown key 'colour'"),
        ('arch = "x"\ncaptioner = "y"\ncaptions = 0', "captions cannot be 0"),
        ('arch = "x"\ncaptioner = "y"\ncaptions = -1', "captions is at least 1, not -1"),
        ('arch = "x"\ncaptioner = "y"\nbeams = -1', "beams is at least 1, not -1"),
        ('arch = "x"\ncaptioner = "y"\nmax_tokens = 0.5', "max_tokens cannot be 0.5"),
        ('arch = "x"\ncaptioner = "y"\ncaptions = true', "captions cannot be True"),
        ('arch = "x"\ncaptioner = "y"\ntop_p = 1.5', "top_p cannot be 1.5: it is above 0 and up to 1"),
        ('arch = "x"\ncaptioner = "y"\ntemperature = -1', "temperature cannot be -1: it is above 0"),
        ('arch = 1\ncaptioner = "y"', "arch cannot be 1"),
        ('arch = "x"\ncaptioner = "y"\npreprocess = "pad"', "'clip' or 'targetpad', not 'pad'"),
        ('arch = "x"\ncaptioner = "y"\npreset = "best"', "unknown preset 'best': choose one of default, cirr"),
        ('arch = "x"\ncaptioner = "y"\nrewriter = "poet"', "unknown rewriter 'poet': use rules"),
        ("arch = ", "cannot use the bundle"),
    ],
)
def test_an_unusable_bundle_file_is_one_clear_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(BundleError, match=said) as caught:
        load_bundle(str(tmp_path / "mine.toml"))
    assert caught.value.exit_code == 2


def test_an_integer_top_p_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('arch = "x"\ncaptioner = "y"\ntop_p = 1\n')
    assert read_bundle(tmp_path / "mine.toml").top_p == 1


def test_a_missing_bundle_file_is_an_error() -> None:
    with pytest.raises(BundleError, match=r"cannot use the bundle 'no-such.toml'"):
        load_bundle("no-such.toml")
