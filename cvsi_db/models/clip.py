"""The Encoder over open_clip: any CLIP it can build, from a tag, a weights file or a local folder.

Takes PIL pictures and texts, returns un-normalised float32 embeddings. A text may carry a pseudo-token: its word
replaces the token embedding of the text's first `$`, and the text tower runs as it always does. Knows nothing about
galleries, phi or captions.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image

from cvsi_db.errors import ModelError
from cvsi_db.models.clip_weights import cannot_load, find_weights
from cvsi_db.models.text_tower import crop, encode_tokens, is_causal
from cvsi_db.records import FloatArray, PseudoText

Preprocess = Literal["clip", "targetpad"]

_BATCH_SIZES = {"cuda": 128, "mps": 64}
_MOST_LANES = 8
"""Each holds a batch in memory."""

TARGET_RATIO = 1.25
"""The aspect ratio up to which pictures are cropped rather than padded, as the benchmarks of composed retrieval do."""


class OpenClipEncoder:
    """An open_clip model with its tokenizer and preprocessing, as an Encoder. Safe to use from several threads."""

    def __init__(
        self, model: Any, tokenizer: Any, preprocess: Callable[[Image.Image], torch.Tensor], device: str
    ) -> None:
        self.model = model.float().to(device).eval()
        self.tokenizer = tokenizer
        self.preprocess = preprocess
        self.device = device
        self._reshape = _before_tensors(preprocess)
        self._lock = threading.Lock()  # a hook puts the words in: no other text may pass through it meanwhile

    @classmethod
    def load(cls, arch: str, weights: str | None, *, device: str, preprocess: Preprocess = "clip") -> OpenClipEncoder:
        """Builds `arch` ("ViT-B-32", "local-dir:/path" or "hf-hub:owner/name") and loads its weights.

        `weights` is a tag of open_clip ("openai") or the path of a file; None where `arch` is a folder or repository.
        "targetpad" pads long pictures to a ratio of 1.25 before the usual preprocessing. Raises ModelError when the
        weights are missing, cannot be fetched, or do not fit.
        """
        source = find_weights(arch, weights)
        with quiet_libraries():
            try:
                model, tokenizer, transform = source.build()
            except Exception as error:  # open_clip raises whatever its readers and the hub's client stumble over
                raise cannot_load(source, error) from error
        return cls(model, tokenizer, _padded(transform) if preprocess == "targetpad" else transform, device)

    @property
    def dim(self) -> int:
        """Width of the joint embedding space."""
        projection = self._text_tower.text_projection
        return int(projection.out_features if isinstance(projection, torch.nn.Linear) else projection.shape[1])

    @property
    def side(self) -> int:
        """Side, in pixels, of the square that the image tower sees."""
        return int(np.max(self.model.visual.image_size))

    @property
    def batch_size(self) -> int:
        """How many pictures to encode at once: more where a device has thousands of cores to fill."""
        return _BATCH_SIZES.get(self.device.partition(":")[0], 16)

    @property
    def lanes(self) -> int:
        """How many batches to encode side by side; on a CPU torch's threads wait for each other within one batch."""
        return min(torch.get_num_threads(), _MOST_LANES) if self.device == "cpu" else 1

    @property
    def token_dim(self) -> int:
        """Width of a word's embedding in the text tower: what phi must produce."""
        return int(self._text_tower.token_embedding.embedding_dim)

    def prepare(self, picture: Image.Image) -> Image.Image:
        """The picture resized and cropped as the tower sees it; `encode_images` gives the same for both, to the bit."""
        for step in self._reshape:
            picture = step(picture)
        return picture

    @torch.inference_mode()
    def encode_images(self, pictures: Sequence[Image.Image]) -> FloatArray:
        """(n, dim) un-normalised embeddings of RGB pictures, in order, in one batch."""
        if not pictures:
            return np.empty((0, self.dim), np.float32)
        batch = torch.stack([self.preprocess(picture) for picture in pictures])
        return _as_numpy(self.model.encode_image(batch.to(self.device)))

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str | PseudoText]) -> FloatArray:
        """(n, dim) un-normalised embeddings, in order, in one batch.

        Raises ModelError for a pseudo-token whose text has no `$` of its own within the context length, or whose
        word is not as wide as the text tower.
        """
        if not texts:
            return np.empty((0, self.dim), np.float32)
        tokens = self.tokenizer([text.text if isinstance(text, PseudoText) else text for text in texts])
        with self._lock, self._words_in_place(texts, tokens):
            return _as_numpy(self._encode(tokens.to(self.device)))

    def _encode(self, tokens: torch.Tensor) -> torch.Tensor:
        """The text forward; most texts fill a fraction of the context, and a causal tower need not see the rest."""
        return encode_tokens(self.model, crop(tokens)) if is_causal(self.model) else self.model.encode_text(tokens)

    @property
    def _text_tower(self) -> Any:
        """Where open_clip keeps the token embedding: on the model itself, or on its `text` part."""
        tower = getattr(self.model, "text", self.model)
        if not hasattr(tower, "token_embedding"):
            raise ModelError(
                f"text tower {type(tower).__name__!r} has no token embedding: use a model of open_clip's own"
            )
        return tower

    @contextmanager
    def _words_in_place(self, texts: Sequence[str | PseudoText], tokens: torch.Tensor) -> Iterator[None]:
        """For one forward, the words of the pseudo-texts stand where the token embedding of their `$` would."""
        rows = [row for row, text in enumerate(texts) if isinstance(text, PseudoText)]
        if not rows:
            yield
            return
        columns = [self._dollar_column(texts[row], tokens[row]) for row in rows]
        words = self._words([text for text in texts if isinstance(text, PseudoText)])

        def put_in(_module: object, _inputs: object, embedded: torch.Tensor) -> torch.Tensor:
            embedded = embedded.clone()
            embedded[rows, columns] = words.to(embedded)
            return embedded

        hook = self._text_tower.token_embedding.register_forward_hook(put_in)
        try:
            yield
        finally:
            hook.remove()

    def _words(self, texts: Sequence[PseudoText]) -> torch.Tensor:
        """(n, token_dim) the words, checked."""
        for text in texts:
            if text.word.shape != (self.token_dim,):
                raise ModelError(
                    f"the pseudo-token of {text.text!r} has shape {text.word.shape}, not ({self.token_dim},): "
                    "phi must be the one trained for this CLIP"
                )
        return torch.from_numpy(np.stack([text.word for text in texts]))

    def _dollar_column(self, text: object, tokens: torch.Tensor) -> int:
        found = (tokens == self.dollar_id).nonzero()
        if not len(found):
            raise ModelError(f"sentence {text!r} has no `$` of its own for its pseudo-token: set it between spaces")
        return int(found[0])

    @cached_property
    def dollar_id(self) -> int:
        """The id of a lone `$`: the one that its tokens have and those of the empty text have not."""
        dollar, nothing = (set(self.tokenizer([text])[0].tolist()) for text in ("$", ""))
        if len(dollar - nothing) != 1:
            raise ModelError(f"tokenizer {type(self.tokenizer).__name__!r} has no single token for `$`")
        return int(next(iter(dollar - nothing)))


# --- small things -----------------------------------------------------------------------------------------------


def pad_to_ratio(picture: Image.Image, ratio: float = TARGET_RATIO) -> Image.Image:
    """The picture between two equal black bars, so that its longer side is `ratio` times the shorter, or a hair more.

    The bars are whole pixels, rounded down, as in TargetPad (Baldrati et al., CVPR 2022), which the benchmarks'
    published numbers used.
    """
    least = max(picture.size) / ratio
    across, down = (max(int((least - side) / 2), 0) for side in picture.size)
    if across == down == 0:
        return picture
    padded = Image.new("RGB", (picture.width + 2 * across, picture.height + 2 * down))
    padded.paste(picture, (across, down))
    return padded


def _padded(transform: Any) -> Any:
    """The transform, a torchvision Compose, with the padding before it."""
    return type(transform)([pad_to_ratio, *transform.transforms])


def _before_tensors(transform: Any) -> list[Callable[[Image.Image], Image.Image]]:
    """The steps of a Compose that make a picture of a picture; to do them twice changes nothing."""
    from torchvision.transforms import ToTensor

    steps = list(getattr(transform, "transforms", ()))
    ends = [number for number, step in enumerate(steps) if isinstance(step, ToTensor)]
    return steps[: ends[0]] if ends else []


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keeps the libraries' warnings and log lines to themselves while they load a model; errors still raise."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _as_numpy(embeddings: torch.Tensor) -> FloatArray:
    return embeddings.float().cpu().numpy()
