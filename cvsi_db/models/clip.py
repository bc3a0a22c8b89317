"""The Encoder over open_clip: any CLIP it can build, from a tag, a weights file or a local folder.

Takes PIL pictures and texts, returns un-normalised float32 embeddings. A text may carry a pseudo-token: it takes the
place of the token embedding of the text's first `$`. `encode_tokens` is the text tower's forward, for training too.
"""

from __future__ import annotations

import logging
import re
import threading
import warnings
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image

from cvsi_db.errors import ModelError
from cvsi_db.models.clip_weights import cannot_load, find_weights
from cvsi_db.records import FloatArray, PseudoText

Preprocess = Literal["clip", "targetpad"]

_BATCH_SIZES = {"cuda": 128, "mps": 64}
TEXTS_AT_ONCE = 64
"""The texts of a batch on a CPU, where more in one take as long each."""

_MOST_LANES = 8
"""Each holds a batch in memory."""

TARGET_RATIO = 1.25
"""The aspect ratio up to which images are cropped rather than padded, as the benchmarks of composed retrieval do."""


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
        self._lock = threading.Lock()  # no other text may pass while a hook puts pseudo-tokens in

    @classmethod
    def load(cls, arch: str, weights: str | None, *, device: str, preprocess: Preprocess = "clip") -> OpenClipEncoder:
        """Builds `arch` ("ViT-B-32", "local-dir:/path" or "hf-hub:owner/name") and loads its weights.

        `weights` is a tag of open_clip ("openai") or the path of a file; None where `arch` is a folder or repository.
        "targetpad" pads long images to a ratio of 1.25 before the usual preprocessing. Raises ModelError when the
        weights are missing, cannot be fetched, or do not fit.
        """
        source = find_weights(arch, weights)
        with quiet_libraries():
            try:
                model, tokenizer, transform = source.build()
            except Exception as error:  # open_clip raises whatever its readers and the hub's client stumble over
                raise cannot_load(source, error) from error
        return cls(model, tokenizer, padded(transform) if preprocess == "targetpad" else transform, device)

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
        """How many images to encode at once: more where a device has thousands of cores to fill."""
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
        """(n, dim) un-normalised embeddings, in order; in one batch, or on a CPU in batches of texts of like length.

        Raises ModelError for a pseudo-token whose text has no `$` of its own within the context length, or whose
        word is not as wide as the text tower.
        """
        if self.device == "cpu" and len(texts) > TEXTS_AT_ONCE:  # the longest of a batch says what each costs
            lengths = [len(text.text if isinstance(text, PseudoText) else text) for text in texts]
            by_length = np.argsort(lengths, kind="stable").tolist()
            rows = np.empty((len(texts), self.dim), np.float32)
            for start in range(0, len(texts), TEXTS_AT_ONCE):
                batch = by_length[start : start + TEXTS_AT_ONCE]
                rows[batch] = self.encode_texts([texts[row] for row in batch])
            return rows
        if not texts:
            return np.empty((0, self.dim), np.float32)
        with self._lock:
            tokens = self._tokenize([text.text if isinstance(text, PseudoText) else text for text in texts])
            with self._pseudo_tokens_in_place(texts, tokens):
                # Most texts fill a fraction of the context, and a causal tower need not see the rest.
                if is_causal(self.model):
                    return _as_numpy(encode_tokens(self.model, crop(tokens).to(self.device)))
                return _as_numpy(self.model.encode_text(tokens.to(self.device)))

    def words_cut(self, texts: Sequence[str]) -> list[int]:
        """How many words at the end of each text lie beyond the context that the text tower reads, in whole or part."""
        length, cuts = int(self.tokenizer.context_length), [0] * len(texts)
        # A token is a letter or more, and two mark start and end.
        long = [number for number, text in enumerate(texts) if not text.isascii() or len(text) > length - 2]
        if not long:
            return cuts
        with self._lock:
            end = int(self.tokenizer([""])[0, 1])

            def are_cut(some: Sequence[str]) -> list[bool]:
                rows = self._tokenize(some, length + 1).tolist()
                return [end in row and row.index(end) == length for row in rows]  # the first: some pad with it

            def count_read(words: Sequence[str]) -> int:
                return bisect_left(range(len(words)), True, key=lambda last: are_cut([" ".join(words[: last + 1])])[0])

            for number, is_cut in zip(long, are_cut([texts[number] for number in long]), strict=True):
                words = texts[number].split()
                cuts[number] = len(words) - count_read(words) if is_cut else 0
        return cuts

    def _tokenize(self, texts: Sequence[str], length: int | None = None) -> torch.Tensor:
        """(n, length) token ids. A special token's mark within a text ("<end_of_text>") is read as the text it is."""
        tokens: torch.Tensor = self.tokenizer([self._spell(text) for text in texts], context_length=length)
        return tokens

    def _spell(self, text: str) -> str:
        """The text with every mark of a special token broken up; first cleaned, as `&lt;` could become part of one."""
        clean = getattr(self.tokenizer, "clean_fn", str)
        while ("&" in text or not text.isascii()) and (cleaned := clean(text)) != text:
            text = cleaned
        return self._marks.sub(lambda mark: f"{mark[0][0]} {mark[0][1:]}", text)

    @cached_property
    def _marks(self) -> re.Pattern[str]:
        """The texts that the tokenizer takes for special tokens; the end token would end a sentence early."""
        inner = getattr(self.tokenizer, "tokenizer", None)
        if inner is not None:
            marks = list(inner.all_special_tokens)
        else:
            marks = [self.tokenizer.decoder[number] for number in self.tokenizer.all_special_ids]
        return re.compile("|".join(re.escape(mark) for mark in sorted(marks, key=len, reverse=True)), re.IGNORECASE)

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
    def _pseudo_tokens_in_place(self, texts: Sequence[str | PseudoText], tokens: torch.Tensor) -> Iterator[None]:
        """For one forward, the words of the pseudo-texts stand where the token embedding of their `$` would."""
        pseudo = [(row, text) for row, text in enumerate(texts) if isinstance(text, PseudoText)]
        if not pseudo:
            yield
            return
        rows = [row for row, _ in pseudo]
        columns = []
        for row, text in pseudo:
            if text.word.shape != (self.token_dim,):
                raise ModelError(
                    f"the pseudo-token of {text.text!r} has shape {text.word.shape}, not ({self.token_dim},): "
                    "phi must be the one trained for this CLIP"
                )
            found = (tokens[row] == self.dollar_id).nonzero()
            if not len(found):
                raise ModelError(
                    f"sentence {text.text!r} has no `$` of its own for its pseudo-token: put spaces around it"
                )
            columns.append(int(found[0]))
        words = torch.from_numpy(np.stack([text.word for _, text in pseudo]))

        def put_in(_module: object, _inputs: object, embedded: torch.Tensor) -> torch.Tensor:
            embedded = embedded.clone()
            embedded[rows, columns] = words.to(embedded)
            return embedded

        hook = self._text_tower.token_embedding.register_forward_hook(put_in)
        try:
            yield
        finally:
            hook.remove()

    @cached_property
    def dollar_id(self) -> int:
        """The id of a lone `$`: the one that its tokens have and those of the empty text have not."""
        dollar, nothing = (set(self.tokenizer([text])[0].tolist()) for text in ("$", ""))
        if len(dollar - nothing) != 1:
            raise ModelError(f"tokenizer {type(self.tokenizer).__name__!r} has no single token for `$`")
        return int(next(iter(dollar - nothing)))


# --- the text tower ---------------------------------------------------------------------------------------------


def is_causal(model: Any) -> bool:
    """Whether `encode_tokens` gives what `model.encode_text` does: a causal tower, read at the end token."""
    return getattr(model, "text_pool_type", None) == "argmax" and getattr(model, "attn_mask", None) is not None


def encode_tokens(
    model: Any, tokens: torch.Tensor, words: torch.Tensor | None = None, word_id: int = -1
) -> torch.Tensor:
    """(n, dim) un-normalised text embeddings, as `model.encode_text` gives them for the same tokens padded further.

    With `words` (n, width), every `word_id` of row i is embedded as words[i], with gradients. The causal mask keeps
    what follows the end token from mattering, so the columns beyond the longest text may be left out.
    """
    tower = getattr(model, "text", model)
    length = tokens.shape[1]
    hidden = tower.token_embedding(tokens)
    if words is not None:
        hidden = torch.where(tokens.eq(word_id).unsqueeze(-1), words.unsqueeze(1).to(hidden.dtype), hidden)
    hidden = hidden + tower.positional_embedding[:length]
    hidden = tower.transformer(hidden, attn_mask=tower.attn_mask[:length, :length])
    at_end = tower.ln_final(hidden[torch.arange(len(tokens)), tokens.argmax(-1)])  # the end token has the highest id
    projection = tower.text_projection
    embeddings: torch.Tensor = projection(at_end) if isinstance(projection, torch.nn.Linear) else at_end @ projection
    return embeddings


def crop(tokens: torch.Tensor) -> torch.Tensor:
    """The token ids without the columns after the last end token of all rows."""
    return tokens[:, : int(tokens.argmax(-1).max()) + 1]


# --- preprocessing ----------------------------------------------------------------------------------------------


def pad_to_ratio(picture: Image.Image, ratio: float = TARGET_RATIO) -> Image.Image:
    """The picture between two equal black bars, so that its longer side is `ratio` times the shorter or slightly more.

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


def padded(transform: Any) -> Any:
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
