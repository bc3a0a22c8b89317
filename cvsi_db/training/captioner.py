"""Trains the starter's captioner on drawn scenes: `python -m cvsi_db.training.captioner --work DIR --out DIR`.

Starts from the image trunk of a trained starter CLIP. The work folder receives the drawn pictures, a checkpoint (a run
that was cut off goes on from it) and `captioner.jsonl`; the out folder a model that transformers loads.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F  # noqa: N812  # torch's own convention

from cvsi_db.models.captioner import TransformersCaptioner
from cvsi_db.models.conv_encoder import ConvEncoderConfig, register_conv_encoder
from cvsi_db.models.starter import FOLDER
from cvsi_db.scenes.captions import caption
from cvsi_db.scenes.grammar import sample_scenes
from cvsi_db.training.caption_scores import score_captions, true_share
from cvsi_db.training.data import PICTURE_SIZE, TRAIN_SEED, VAL_SEED, PairSet, augment, draw_pairs
from cvsi_db.training.losses import AttributeHeads
from cvsi_db.training.precision import mixed_precision
from cvsi_db.training.towers import MODEL_FILE
from cvsi_db.training.trainee import Trainee, append_log, as_numbers, pace

START, END, PAD, UNKNOWN = "<start>", "<end>", "<pad>", "<unknown>"
MAX_TOKENS = 64
WIDTH, LAYERS, HEADS = 256, 3, 4

LEARNING_RATE, TRUNK_RATE, WEIGHT_DECAY = 1e-3, 3e-4, 0.05
CHECKPOINT = "captioner.pt"
LABEL_SMOOTHING = 0.05
ATTRIBUTE_WEIGHT = 2.0
"""Of the loss that makes the encoder's summary vector tell the attributes: small models learn faster with it."""

CAPTIONS_EACH = 2
"""Captions learned from one look at a picture: the trunk costs more than a second caption does."""

SCORED_AT_ONCE = 50

TRUNK = "visual.trunk."
"""Where the image trunk's weights are in the CLIP's checkpoint."""


@dataclass(frozen=True)
class CaptionerRun:
    """The settings of one training run. `clip` is the folder of the trained starter CLIP; `pairs` pairs of pictures
    are drawn into `pictures` (default: the work folder) when absent."""

    work: Path
    out: Path
    clip: Path
    pictures: Path | None = None
    steps: int = 2000
    seed: int = 0
    pairs: int = 40_000
    batch_size: int = 64
    save_every: int = 100

    @property
    def train_folder(self) -> Path:
        """Where the training pictures are."""
        return (self.pictures or self.work) / "train"

    @property
    def val_folder(self) -> Path:
        """Where the pictures for validation are."""
        return (self.pictures or self.work) / "val"


@dataclass(frozen=True)
class CaptionBatch:
    """`pictures` (n, 3, size, size) · `labels` (n, attributes) · `tokens` (n · CAPTIONS_EACH, length) with start and
    end token, those of one picture in consecutive rows."""

    pictures: torch.Tensor
    labels: torch.Tensor
    tokens: torch.Tensor


def train_captioner(run: CaptionerRun) -> None:
    """Draws the data, trains, writes the captioner to `run.out`."""
    torch.manual_seed(run.seed)
    pairs = PairSet.open(draw_pairs(run.train_folder, run.pairs, TRAIN_SEED))
    tokenizer = caption_tokenizer(run.seed)
    trainee = new_trainee(run, tokenizer)
    fit(run, trainee, tokenizer, pairs)
    save_captioner(trainee.model, tokenizer, run.out)


# --- model ------------------------------------------------------------------------------------------------------


def caption_tokenizer(seed: int, sentences: int = 30_000) -> Any:
    """A fast tokenizer with one token per word of the scenes' captions, seen in that many of them."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    rng = random.Random(seed)
    tokenizer = Tokenizer(models.WordLevel(unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(), pre_tokenizers.Split(Regex("[.,:;]"), "isolated")]
    )
    tokenizer.decoder = decoders.Metaspace()
    specials = [PAD, START, END, UNKNOWN]
    captions = (caption(scene, rng).text for scene in sample_scenes(sentences, seed))
    tokenizer.train_from_iterator(captions, trainers.WordLevelTrainer(special_tokens=specials))
    ends = [(token, tokenizer.token_to_id(token)) for token in (START, END)]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{START} $A {END}", special_tokens=ends)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=START,
        eos_token=END,
        pad_token=PAD,
        unk_token=UNKNOWN,
        model_max_length=MAX_TOKENS,
        clean_up_tokenization_spaces=False,
    )


def new_captioner(tokenizer: Any, *, width: int = WIDTH, layers: int = LAYERS) -> Any:
    """An untrained VisionEncoderDecoderModel: a ConvEncoder and a small GPT-2 with cross-attention."""
    from transformers import GPT2Config, VisionEncoderDecoderConfig, VisionEncoderDecoderModel

    register_conv_encoder()
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    eyes = ConvEncoderConfig(image_size=PICTURE_SIZE, hidden_size=width, num_attention_heads=HEADS)
    words = GPT2Config(
        vocab_size=len(tokenizer), n_positions=MAX_TOKENS, n_embd=width, n_inner=2 * width, n_layer=layers,
        n_head=HEADS, add_cross_attention=True, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, **ends,
    )  # fmt: skip
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(eyes, words)
    model = VisionEncoderDecoderModel(config)
    both_ends = {**ends, "decoder_start_token_id": tokenizer.bos_token_id, "pad_token_id": tokenizer.pad_token_id}
    model.config.update(both_ends)
    model.generation_config.update(**both_ends)
    return model.to(memory_format=torch.channels_last)


def load_trunk(model: Any, clip: Path) -> None:
    """Gives the captioner's encoder the image trunk of the trained starter CLIP in the folder `clip`."""
    from safetensors.torch import load_file

    weights = load_file(clip / MODEL_FILE)
    trunk = model.encoder.trunk
    trunk.load_state_dict({name: weights[TRUNK + name] for name in trunk.state_dict()})


def save_captioner(model: Any, tokenizer: Any, folder: Path) -> None:
    """Writes what transformers' Auto classes read: float16 weights, tokenizer, image processor, their configs."""
    from transformers import CLIPImageProcessor

    half = [0.5, 0.5, 0.5]
    processor = CLIPImageProcessor(
        size={"shortest_edge": PICTURE_SIZE},
        crop_size={"height": PICTURE_SIZE, "width": PICTURE_SIZE},
        image_mean=half,
        image_std=half,
    )
    copy.deepcopy(model).half().save_pretrained(folder)
    tokenizer.save_pretrained(str(folder))
    processor.save_pretrained(str(folder))


# --- learning ---------------------------------------------------------------------------------------------------


def new_trainee(run: CaptionerRun, tokenizer: Any) -> Trainee:
    """The run's latest checkpoint, or a captioner that has the CLIP's trunk and knows nothing yet.

    The trunk learns more slowly than the rest: it has been trained before.
    """
    model, heads = new_captioner(tokenizer), AttributeHeads(WIDTH)
    load_trunk(model, run.clip)
    trunk = {id(parameter) for parameter in model.encoder.trunk.parameters()}
    fresh = [p for p in [*model.parameters(), *heads.parameters()] if id(p) not in trunk]
    groups = [
        {"params": list(model.encoder.trunk.parameters()), "lr": TRUNK_RATE, "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in fresh if p.ndim >= 2], "lr": LEARNING_RATE, "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in fresh if p.ndim < 2], "lr": LEARNING_RATE, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: pace(step / run.steps))
    trainee = Trainee(model, heads, optimizer, schedule)
    trainee.resume(run.work / CHECKPOINT)
    return trainee


def fit(run: CaptionerRun, trainee: Trainee, tokenizer: Any, pairs: PairSet) -> None:
    """Runs the remaining steps, logging every 20, saving as the run says."""
    began = time.monotonic()
    trainee.model.train()
    for batch in batches(run, tokenizer, pairs, trainee.step):
        losses = caption_losses(trainee, batch)
        trainee.learn(losses["loss"])
        if trainee.step % 20 == 0:
            seconds = round(time.monotonic() - began, 1)
            append_log(run.work / "captioner.jsonl", {"step": trainee.step, "seconds": seconds, **as_numbers(losses)})
        if trainee.step % run.save_every == 0:
            trainee.save(run.work / CHECKPOINT)


def batches(run: CaptionerRun, tokenizer: Any, pairs: PairSet, start: int) -> Iterator[CaptionBatch]:
    """Batches number `start` to `run.steps`, the same for the same seed; every epoch shows all pictures once."""
    each = min(run.batch_size, 2 * len(pairs))
    per_epoch = 2 * len(pairs) // each
    for step in range(start, run.steps):
        epoch, place = divmod(step, per_epoch)
        order = np.random.default_rng((run.seed, epoch)).permutation(2 * len(pairs))
        yield make_batch(pairs, np.sort(order[place * each : (place + 1) * each]), tokenizer, (run.seed, step))


def make_batch(pairs: PairSet, chosen: Any, tokenizer: Any, seed: tuple[int, int]) -> CaptionBatch:
    """The batch of these pictures (2 · row + side), with captions and jitter drawn from `seed`."""
    rng = random.Random(repr(seed))
    rows, sides = chosen // 2, chosen % 2
    scenes = [pairs.scene(int(row), int(side)) for row, side in zip(rows, sides, strict=True)]
    captions = [caption(scene, rng).text for scene in scenes for _ in range(CAPTIONS_EACH)]
    return CaptionBatch(
        pictures=augment(pairs.pictures[rows, sides], PICTURE_SIZE, np.random.default_rng(seed)),
        labels=torch.from_numpy(pairs.labels[rows, sides].astype(np.int64)),
        tokens=tokenizer(captions, padding=True, return_tensors="pt")["input_ids"],
    )


def caption_losses(trainee: Trainee, batch: CaptionBatch) -> dict[str, torch.Tensor]:
    """`words`: cross-entropy of each caption's next token; `attributes`: of the labels, read off the summary vector;
    `loss`: their weighted sum."""
    model = trainee.model
    with mixed_precision():
        cells = model.encoder(batch.pictures.contiguous(memory_format=torch.channels_last)).last_hidden_state
        seen = cells.repeat_interleave(CAPTIONS_EACH, dim=0)
        logits = model.decoder(input_ids=batch.tokens[:, :-1], encoder_hidden_states=seen, use_cache=False).logits
    summary = F.normalize(cells[:, 0].float(), dim=-1)
    words = F.cross_entropy(
        logits.float().flatten(0, 1),
        batch.tokens[:, 1:].flatten(),
        ignore_index=model.config.pad_token_id,
        label_smoothing=LABEL_SMOOTHING,
    )
    attributes = trainee.heads.loss(summary, batch.labels)
    return {"loss": words + ATTRIBUTE_WEIGHT * attributes, "words": words, "attributes": attributes}


# --- scores -----------------------------------------------------------------------------------------------------


def score(folder: Path, pairs: PairSet, n: int = 500, **settings: Any) -> dict[str, Any]:
    """How a saved captioner does on the first `n` scenes of pairs it never saw; `settings` are those of its `load`."""
    captioner = TransformersCaptioner.load(str(folder), name="scored", **settings)
    scenes = [pairs.scene(row, 0) for row in range(n)]
    captions: list[tuple[str, ...]] = []
    for start in range(0, n, SCORED_AT_ONCE):
        rows = range(start, min(start + SCORED_AT_ONCE, n))
        pictures = [Image.fromarray(pairs.pictures[row, 0]) for row in rows]
        captions += captioner.caption(pictures, [str(scenes[row].seed) for row in rows])
    scores = {name: asdict(value) for name, value in score_captions(captions, scenes).items()}
    return {"settings": captioner.name, "all_true": true_share(captions, scenes), "attributes": scores}


def main() -> None:
    """Reads the command line; trains, and prints the scores of what is in the out folder."""
    parser = argparse.ArgumentParser(description="Train the starter captioner on drawn scenes.")
    parser.add_argument("--work", type=Path, required=True, help="pictures, checkpoint and log")
    parser.add_argument("--out", type=Path, required=True, help="where the finished captioner goes")
    parser.add_argument("--clip", type=Path, default=FOLDER / "clip", help="folder of the trained starter CLIP")
    parser.add_argument("--pictures", type=Path, help="folder that has, or receives, the drawn pictures")
    parser.add_argument("--steps", type=int, default=CaptionerRun.steps)
    parser.add_argument("--seed", type=int, default=CaptionerRun.seed)
    parser.add_argument("--pairs", type=int, default=CaptionerRun.pairs)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--score", action="store_true", help="only score what is in --out")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    run = CaptionerRun(given.work, given.out, given.clip, given.pictures, given.steps, given.seed, given.pairs)
    if not given.score:
        train_captioner(run)
    print(json.dumps(score(run.out, PairSet.open(draw_pairs(run.val_folder, 1_000, VAL_SEED))), indent=2))


if __name__ == "__main__":
    main()
