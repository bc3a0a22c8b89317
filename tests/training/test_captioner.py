from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from cvsi_db.models.captioner import TransformersCaptioner
from cvsi_db.scenes.captions import caption
from cvsi_db.scenes.grammar import sample_scenes
from cvsi_db.scenes.scene import ATTRIBUTES
from cvsi_db.training.caption_scores import read_caption
from cvsi_db.training.captioner import (
    CAPTIONS_EACH,
    CaptionerRun,
    batches,
    caption_tokenizer,
    load_trunk,
    new_captioner,
    new_trainee,
    save_captioner,
    score,
    train_captioner,
)
from cvsi_db.training.data import PICTURE_SIZE, PairSet, draw_pairs
from cvsi_db.training.towers import new_clip, save_clip


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return caption_tokenizer(0, 2_000)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, tokenizer: Any) -> Path:
    """An untrained starter CLIP."""
    folder = tmp_path_factory.mktemp("clip")
    torch.manual_seed(1)
    save_clip(new_clip(len(tokenizer)), tokenizer, folder)
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with eight pairs of pictures to train on."""
    folder = tmp_path_factory.mktemp("pictures")
    draw_pairs(folder / "train", 8, seed=1, workers=1)
    return folder


@pytest.fixture
def run(tmp_path: Path, clip: Path, pictures: Path) -> CaptionerRun:
    return CaptionerRun(
        tmp_path, tmp_path / "out", clip, pictures=pictures, steps=3, pairs=8, batch_size=4, save_every=2
    )


def test_captions_survive_the_tokenizer(tokenizer: Any) -> None:
    rng = random.Random(7)
    texts = [caption(scene, rng).text for scene in sample_scenes(300, 99)]
    ids = tokenizer(texts)["input_ids"]
    assert tokenizer.batch_decode(ids, skip_special_tokens=True) == texts
    assert max(map(len, ids)) <= tokenizer.model_max_length
    assert {(row[0], row[-1]) for row in ids} == {(tokenizer.bos_token_id, tokenizer.eos_token_id)}


@pytest.mark.slow
def test_a_batch_holds_pictures_with_their_labels_and_two_captions_each(run: CaptionerRun, tokenizer: Any) -> None:
    pairs = PairSet.open(run.train_folder)
    epoch = list(batches(CaptionerRun(run.work, run.out, run.clip, steps=4, batch_size=4), tokenizer, pairs, 0))
    for batch in epoch:
        assert batch.pictures.shape == (4, 3, PICTURE_SIZE, PICTURE_SIZE)
        told = tokenizer.batch_decode(batch.tokens, skip_special_tokens=True)
        assert len(told) == 4 * CAPTIONS_EACH
        for row, text in enumerate(told):
            truth = dict(zip(ATTRIBUTES, batch.labels[row // CAPTIONS_EACH].tolist(), strict=True))
            assert ATTRIBUTES["subject"].index(read_caption(text)["subject"]) == truth["subject"]
    seen = torch.cat([batch.labels for batch in epoch])
    assert sorted(seen.tolist()) == sorted(pairs.labels.reshape(16, -1).tolist())


def test_the_encoder_starts_with_the_trunk_of_the_clip(clip: Path, tokenizer: Any) -> None:
    model, other = new_captioner(tokenizer, width=32, layers=1), new_captioner(tokenizer, width=32, layers=1)
    assert not torch.equal(model.encoder.trunk.conv1[0].weight, other.encoder.trunk.conv1[0].weight)
    load_trunk(model, clip)
    load_trunk(other, clip)
    for name, value in model.encoder.trunk.state_dict().items():
        assert torch.equal(value, other.encoder.trunk.state_dict()[name]), name


@pytest.mark.slow
def test_training_writes_a_captioner_that_loads_and_scores(run: CaptionerRun) -> None:
    train_captioner(run)
    assert sum(file.stat().st_size for file in run.out.iterdir()) < 9_000_000
    scores = score(run.out, PairSet.open(run.train_folder), n=2, captions=2, max_new_tokens=6)
    assert set(scores["attributes"]) == set(ATTRIBUTES)
    assert 0 <= scores["all_true"] <= 1
    assert "n2-m6" in scores["settings"]


@pytest.mark.slow
def test_resumed_run_equals_uninterrupted_run(run: CaptionerRun) -> None:
    train_captioner(run)
    whole = (run.out / "model.safetensors").read_bytes()
    assert json.loads(json.dumps(torch.load(run.work / "captioner.pt", weights_only=True)["step"])) == 2
    (run.out / "model.safetensors").unlink()
    train_captioner(run)  # the checkpoint of step 2 is there: one step is left
    assert (run.out / "model.safetensors").read_bytes() == whole


@pytest.mark.slow
def test_the_trunk_learns_more_slowly_than_the_rest(run: CaptionerRun, tokenizer: Any) -> None:
    trainee = new_trainee(run, tokenizer)
    trunk, *rest = (group["lr"] for group in trainee.optimizer.param_groups)
    assert all(trunk < rate for rate in rest)
    learning = {id(p) for group in trainee.optimizer.param_groups for p in group["params"]}
    assert {id(p) for p in trainee.model.parameters()} <= learning


def test_saved_float16_captioner_gives_the_same_captions(tmp_path: Path, tokenizer: Any) -> None:
    model = new_captioner(tokenizer, width=32, layers=1)
    save_captioner(model, tokenizer, tmp_path)
    loaded = TransformersCaptioner.load(str(tmp_path), captions=1)._model
    assert {value.dtype for value in model.parameters()} == {torch.float32}
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value.half().to(value.dtype)), name
