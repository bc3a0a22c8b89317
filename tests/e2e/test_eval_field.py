"""`cvsi-db eval cirr|circo|fashioniq` on drawn pictures under the published names, with the real starter models."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from cvsi_db.evaluation.annotations import read_circo
from cvsi_db.models.bundle import load_bundle
from cvsi_db.models.phi import MappingNetwork, save_phi
from tests.e2e.conftest import Cli
from tests.evaluation import field_data

METHODS = ("--method", "image", "--method", "cvsi_paper")


def report(cli: Cli, *arguments: str | Path) -> dict[str, Any]:
    done = cli("eval", *arguments, "--format", "json", "--quiet")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_circo_report_and_second_run(cli: Cli, tmp_path: Path) -> None:
    where = ("circo", "--data", field_data.circo(tmp_path / "circo"), "--split", "val", "--db", tmp_path / "db")
    found = report(cli, *where)
    assert list(found) == [
        "benchmark", "split", "queries", "gallery", "model", "captioner", "captions_per_image", "rewriter", "rewrites",
        "methods", "seconds",
    ]  # fmt: skip
    assert (found["benchmark"], found["split"], found["queries"], found["gallery"]) == ("CIRCO", "val", 3, 12)
    assert found["model"].startswith("starter:")
    assert found["captioner"].startswith("captioner:")
    assert found["captions_per_image"] == {"min": 5, "max": 5}
    assert found["rewrites"] == {found["rewriter"]: 6}  # of three queries, with one caption and with all
    assert list(found["methods"])[:9] == [
        "image", "text", "image+text", "sum", "pseudo_token", "edited_caption", "edited_captions", "cvsi_paper", "cvsi",
    ]  # fmt: skip
    assert "ceiling" not in found["methods"]
    for method in found["methods"].values():
        assert list(method["aspects"]) == ["addition", "negation", "viewpoint"]
        assert all(0 <= method[f"map@{k}"]["value"] <= method[f"recall@{k}"]["value"] <= 100 for k in (5, 10, 25, 50))
        assert method["recall@25"]["value"] == 100  # every image is ranked, the reference too
    again = cli("eval", *where, *METHODS)
    assert "warning" not in again.stderr
    assert again.stdout.startswith("CIRCO val: 3 queries, 12 images; model starter:")
    value = found["methods"]["cvsi_paper"]["map@10"]["value"]
    assert f"  {value:.2f}" in next(line for line in again.stdout.splitlines() if line.startswith("cvsi_paper"))
    assert "12 ok" in cli("stats", "--db", tmp_path / "db").stdout.replace("ok: 12", "12 ok")


@pytest.mark.slow
def test_published_rewrites_take_the_place_of_a_rewriter(cli: Cli, tmp_path: Path) -> None:
    texts = ["make it blue", "without the hat", "at night"]
    modified = [["a blue cat"], ["a dog"], ["the moon"]]
    edits = {"instruction": texts, "modified_captions": modified, "added_content": [""] * 3}
    file = field_data.write_json(tmp_path / "gpt.json", edits)
    where = ("circo", "--data", field_data.circo(tmp_path / "circo"), "--db", tmp_path / "db", "--rewrites", file)
    found = report(cli, *where, "--method", "edited_captions")
    assert (found["rewriter"], found["rewrites"]) == ("imported:gpt", {"imported:gpt": 3})
    both = cli("eval", *where, "--rewriter", "rules")
    assert (both.returncode, both.stderr.count("\n")) == (2, 1)
    assert "--rewrites asks no rewriter: leave --rewriter out" in both.stderr


@pytest.mark.slow
def test_circo_as_published(cli: Cli, tmp_path: Path) -> None:
    data = field_data.real("circo")
    benchmark = read_circo(data, "val", tmp_path).first(4)
    needed = {name for query in benchmark.queries for name in (query.reference, *query.targets)}
    field_data.draw_all(benchmark.paths[name] for name in needed)
    where = ("circo", "--data", data, "--images", tmp_path, "--limit", "4", *METHODS, "--db", tmp_path / "db")
    found = report(cli, *where)
    assert (found["queries"], found["gallery"]) == (4, len(needed))
    assert found["methods"]["cvsi_paper"]["recall@25"]["value"] == 100


def test_cirr_submission_scores_as_the_report(cli: Cli, tmp_path: Path) -> None:
    data, out = field_data.cirr(tmp_path / "cirr"), tmp_path / "out"
    where = ("cirr", "--data", data, "--split", "val")
    found = report(cli, *where, *METHODS, "--db", tmp_path / "db", "--submit", out)
    files = found["submissions"]["cvsi_paper"]
    assert files == [str(out / f"cirr-val-cvsi_paper-{name}.json") for name in ("recall", "recall_subset")]
    assert len(list(out.iterdir())) == 4
    scored = report(cli, *where, "--predictions", files[0], "--predictions", files[1])
    assert scored["methods"] == {"predictions": found["methods"]["cvsi_paper"]}
    assert scored["model"] is None
    subset = cli("eval", *where, "--predictions", files[1])
    assert subset.stdout.startswith("CIRR val: 3 queries, 12 images; percent, with 95 % intervals\n")
    assert subset.stdout.splitlines()[2].split()[:4] == ["method", "R_subset@1", "R_subset@2", "R_subset@3"]


def test_cirr_without_truth(cli: Cli, tmp_path: Path) -> None:
    data = field_data.cirr(tmp_path / "cirr", "test1")
    refused = cli("eval", "cirr", "--data", data, "--split", "test1", "--db", tmp_path / "db")
    assert (refused.returncode, refused.stdout) == (2, "")
    said = "the targets of CIRR test1 are not published: write what its server scores with --submit DIR"
    assert said in refused.stderr
    assert not (tmp_path / "db").exists()


@pytest.mark.slow
def test_fashioniq_in_a_gallery_of_its_own(cli: Cli, tmp_path: Path) -> None:
    data = field_data.fashioniq(tmp_path / "fashioniq")
    elsewhere = (data / "images").rename(tmp_path / "pictures")
    home = {"XDG_DATA_HOME": str(tmp_path / "home"), "HOME": str(tmp_path / "home")}
    done = cli("eval", "fashioniq", "--data", data, "--images", elsewhere, *METHODS, env=home)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("FashionIQ val: 6 queries, 35 images")
    assert lines[2].split() == ["method", "R@10", "R@50", "R@10", "from", "to"]
    assert lines[lines.index("R@50 by category") + 2].split() == ["method", "dress", "shirt", "toptee"]
    assert lines[-1].split() == ["cvsi_paper", "100.00", "100.00", "100.00"]
    assert len(list((tmp_path / "home").rglob("benchmarks/fashioniq/catalog.sqlite"))) == 1
    assert not list((tmp_path / "home").rglob("gallery"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            (),
            "2 of the images that CIRCO val needs cannot be had: '000000000006.jpg' (no such file), '000000000008.jpg'",
        ),
        (("--split", "test"), "there is no "),
        (("--method", "ceiling"), "unknown method 'ceiling': choose among image, text"),
        (("--method", "composed"), "method 'composed' takes a model that embeds image and text together, and this b"),
        (("--rewriter", "parrot"), "unknown rewriter 'parrot'"),
        (("--limit", "2", "--submit", "out"), "a submission holds every query and image: leave --limit and --allow-m"),
        (
            ("--predictions", "val.json", "--limit", "2"),
            "--predictions scores a file alone: leave --method, --bundle-of, --limit",
        ),
    ],
)
def test_wrong_usage_is_refused_before_the_ingest(
    arguments: tuple[str, ...], said: str, cli: Cli, tmp_path: Path
) -> None:
    data = field_data.circo(tmp_path / "circo")
    for number in (6, 8):
        (data / "COCO2017_unlabeled" / "unlabeled2017" / f"{number:012d}.jpg").unlink()
    listing = {"images": [{"id": number} for number in range(1, 13)]}
    field_data.write_json(data / "COCO2017_unlabeled" / "annotations" / "image_info_unlabeled2017.json", listing)
    field_data.write_json(tmp_path / "val.json", {})
    done = cli("eval", "circo", "--data", data, "--db", tmp_path / "db", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr.replace(f"{data / 'COCO2017_unlabeled' / 'unlabeled2017'}/", "")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "db").exists()


@pytest.mark.parametrize("name", ["cirr", "circo", "fashioniq"])
def test_help_tells_the_layout(name: str, cli: Cli) -> None:
    done = cli("eval", name, "--help")
    assert done.returncode == 0
    words = " ".join(done.stdout.split())
    assert "DIR holds " in words
    assert "Predictions and submissions" in words


def test_scoring_a_file_loads_no_models(tmp_path: Path) -> None:
    data = field_data.circo(tmp_path / "circo")
    path = field_data.write_json(tmp_path / "p.json", {str(row): list(range(1, 13)) for row in range(3)})
    arguments = ["cvsi-db", "eval", "circo", "--data", str(data), "--predictions", str(path), "--format", "json"]
    script = (
        f"import sys; from cvsi_db.cli import run; sys.argv = {arguments!r}; code = run()\n"
        "print(code, [name for name in ('torch', 'lancedb', 'transformers', 'open_clip') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    *lines, loaded = done.stdout.splitlines()
    assert loaded == "0 []"
    found = json.loads("\n".join(lines))["methods"]["predictions"]
    # targets 4; 5; 7 and 6, in the order 1, 2, 3, …
    assert found["map@5"]["value"] == pytest.approx(100 * (1 / 4 + 1 / 5) / 3, abs=0.01)
    assert found["map@10"]["value"] == pytest.approx(100 * (1 / 4 + 1 / 5 + (1 / 6 + 2 / 7) / 2) / 3, abs=0.01)
    assert found["aspects"]["viewpoint"]["value"] == pytest.approx(100 * (1 / 6 + 2 / 7) / 2, abs=0.01)
    assert found["recall@5"]["value"] == pytest.approx(66.67)


# --- what the figures rest on -----------------------------------------------------------------------------------


def bundle_file(path: Path, **changes: object) -> Path:
    """A bundle of the starter's models with something changed."""
    starter = load_bundle("starter", "cpu").spec
    values = {"arch": starter.arch, "captioner": starter.captioner, "phi": starter.phi, "preset": starter.preset}
    path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in (values | changes).items()))
    return path


@pytest.mark.slow
def test_report_names_the_captioner_that_wrote_the_captions_and_warns_of_another(cli: Cli, tmp_path: Path) -> None:
    model, db = tmp_path / "mine.toml", tmp_path / "db"
    where = ("circo", "--data", field_data.circo(tmp_path / "circo"), "--db", db, "--method", "edited_captions")
    first = report(cli, *where, "--model", bundle_file(model, captions=2))
    assert first["captions_per_image"] == {"min": 2, "max": 2}
    bundle_file(model, captions=4, temperature=1.0)
    again = cli("eval", *where, "--model", model)
    assert again.returncode == 0, again.stderr
    assert f"captions by {first['captioner']}, 2 per image; percent" in again.stdout.splitlines()[0]
    assert f"warning: the gallery's captions were written by {first['captioner']}, not by captioner:" in again.stderr


@pytest.mark.slow
def test_bundles_that_differ_in_phi_share_a_gallery(cli: Cli, tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_phi(MappingNetwork(256, 192), tmp_path / "other.safetensors")
    mine = bundle_file(tmp_path / "mine.toml")
    copy = bundle_file(tmp_path / "copy.toml", phi=str(tmp_path / "other.safetensors"))
    where = ("circo", "--data", field_data.circo(tmp_path / "circo"), "--db", tmp_path / "db")
    found = [
        report(cli, *where, "--method", "pseudo_token", "--model", model, "--submit", tmp_path / model.stem)
        for model in (mine, copy)
    ]
    assert (found[0]["captioner"], found[0]["rewrites"]) == (found[1]["captioner"], found[1]["rewrites"])
    texts = [(tmp_path / name / "circo-val-pseudo_token.json").read_text() for name in ("mine", "copy")]
    assert texts[0] != texts[1]
    runs = json.loads(cli("stats", "--db", tmp_path / "db", "--format", "json").stdout)["runs"]
    assert len(runs) == 1  # nothing was taken in again


@pytest.mark.parametrize(
    ("changes", "arguments", "said"),
    [
        ({"phi": "lincir-l14.pt"}, (), "phi 'lincir-l14.pt' does not exist"),
        ({}, ("--rewriter", "openai"), "the API key of the openai rewriter is missing: set OPENAI_API_KEY"),
    ],
)
def test_wrong_phi_and_missing_key_are_found_before_the_first_image(
    changes: dict[str, object], arguments: tuple[str, ...], said: str, cli: Cli, tmp_path: Path
) -> None:
    data, model = field_data.circo(tmp_path / "circo"), bundle_file(tmp_path / "mine.toml", **changes)
    done = cli("eval", "circo", "--data", data, "--db", tmp_path / "db", "--model", model, *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert not (tmp_path / "db").exists()


@pytest.mark.slow
def test_allow_missing_leaves_images_out_and_says_how_many(cli: Cli, tmp_path: Path) -> None:
    data = field_data.fashioniq(tmp_path / "fashioniq", images=6)
    (data / "images" / "DRESS0.png").unlink()  # the reference of dress/0
    (data / "images" / "SHIRT2.png").unlink()  # the target of shirt/0
    (data / "images" / "TOPTEE5.jpg").write_bytes(b"<html>not found</html>")
    where = ("fashioniq", "--data", data, "--db", tmp_path / "db", "--method", "image")
    refused = cli("eval", *where)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "2 of the images that FashionIQ val needs cannot be had: " in refused.stderr
    assert "/images/DRESS0.png' (no such file), " in refused.stderr
    assert "/images/SHIRT2.png' (no such file); " in refused.stderr
    assert not (tmp_path / "db").exists()

    found = report(cli, *where, "--allow-missing")
    assert found["missing"] == {"images": 3, "queries_left_out": 1, "queries_without_target": 1}
    assert (found["queries"], found["gallery"]) == (5, 14)
    recall = {name: each["recall@50"]["value"] for name, each in found["methods"]["image"]["categories"].items()}
    assert recall == {"dress": 100, "shirt": 50, "toptee": 100}

    for name in ("DRESS0.png", "SHIRT2.png"):
        field_data.draw(data / "images" / name)
    unreadable = cli("eval", *where)
    assert (unreadable.returncode, unreadable.stdout) == (2, "")
    assert "1 of the images that FashionIQ val needs cannot be had: " in unreadable.stderr
    assert "/images/TOPTEE5.jpg' (not an image); " in unreadable.stderr


# --- rows of papers ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_rows_of_papers_run_where_their_weights_are(cli: Cli, tmp_path: Path) -> None:
    from tests.models.small_transformers_clip import save_transformers_clip

    published, commit = tmp_path / "hub" / "models--BAAI--BGE-VL-base", "0123456789abcdef0123456789abcdef01234567"
    save_transformers_clip(published / "snapshots" / commit)
    (published / "refs").mkdir()
    (published / "refs" / "main").write_text(commit)
    env = {"HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HOME": str(tmp_path), "HOME": str(tmp_path)}
    data, out = field_data.circo(tmp_path / "data" / "CIRCO", images=8), tmp_path / "out"
    where = ("eval", "reproduce", "--data", data.parent, "--out", out, "--rows", "bge-vl-base", "--rows", "ldre-l14")
    done = cli(*where, env=env)
    assert done.returncode == 0, done.stderr
    assert "bge-vl-base on CIRCO val: done, " in done.stderr
    report = json.loads((out / "bge-vl-base" / "circo-val.json").read_text())
    measured = report["methods"]["sum"]["map@5"]
    lines = [line.split() for line in done.stdout.splitlines()]
    (line,) = [line for line in lines if line[:3] == ["bge-vl-base", "CIRCO", "val"]]
    assert line[3:6] == ["mAP@5", "34.30", f"{measured['value']:.2f}"]
    assert "ldre-l14: clip 'ViT-L-14/openai' (1.71 GB), captioner " in done.stdout
    assert f"`cvsi-db models pull {out / 'bundles' / 'l14-captions.toml'}`" in done.stdout

    again = cli(*where, "--json", env=env)
    circo = next(each for each in json.loads(again.stdout) if each["state"] == "done")
    assert (circo["row"], circo["benchmark"], circo["split"]) == ("bge-vl-base", "CIRCO", "val")
    assert (circo["figures"][0]["published"], circo["figures"][0]["value"]) == (34.3, measured["value"])
    assert circo["seconds"] == report["seconds"]  # what is finished is kept

    one = (
        "eval",
        "circo",
        "--data",
        data,
        "--db",
        out / "galleries" / "circo-bge-vl-base",
        "--bundle-of",
        "bge-vl-base",
    )
    found = cli(*one, "--json", "--quiet", env=env)
    assert json.loads(found.stdout)["methods"] == report["methods"]
    both = cli(*one, "--method", "image", env=env)
    assert (both.returncode, both.stdout, both.stderr.count("\n")) == (2, "", 1)
    assert "--bundle-of names model and method: leave --model, --no-phi and --method out" in both.stderr
