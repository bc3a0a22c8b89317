"""The Encoder over open_clip: any CLIP it can build, from a tag, a weights file or a local folder.

Takes PIL pictures and texts, returns un-normalised float32 embeddings. A text may carry a pseudo-token, which takes the
place of the token embedding at its first `$`. The place is a position among the tokens, found with a word in place of
the `$`, as some tokenizers (SigLIP's) drop that character. `encode_tokens` is the text tower's forward, for training
too.
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

STAND_INS = ("cat", "dog", "man", "car", "tree", "house", "red", "one", "$", "*", "x")
"""Words for the place of a pseudo-token, of which a vocabulary should have two as one token each."""

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
        tower = _text_tower(self.model)
        projection = getattr(tower, "text_projection", None)
        if projection is None:
            return int(tower.output_dim)
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
        return int(_token_embedding(self.model).embedding_dim)

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
        return _as_numpy(self.model.encode_image(batch.to(self.device), normalize=False))

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
        pseudo = {row: text for row, text in enumerate(texts) if isinstance(text, PseudoText)}
        with self._lock:
            tokens = self._tokenize([text.text if isinstance(text, PseudoText) else text for text in texts])
            if not pseudo:
                return _as_numpy(encode_tokens(self.model, tokens.to(self.device)))
            places, words = torch.zeros_like(tokens, dtype=torch.bool), torch.zeros(len(texts), self.token_dim)
            tokens[[*pseudo]], places[[*pseudo]] = self.place_words([text.text for text in pseudo.values()], 1)
            for row, text in pseudo.items():
                if text.word.shape != (self.token_dim,):
                    raise ModelError(
                        f"the pseudo-token of {text.text!r} has shape {text.word.shape}, not ({self.token_dim},): "
                        "phi must be the one trained for this CLIP"
                    )
                if int(places[row].sum()) != 1:
                    raise ModelError(
                        f"sentence {text.text!r} has no `$` of its own for its pseudo-token: put spaces around it"
                    )
                words[row] = torch.from_numpy(text.word)
            return _as_numpy(encode_tokens(self.model, *(each.to(self.device) for each in (tokens, words, places))))

    def place_words(self, texts: Sequence[str], at_most: int = -1) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, length) token ids with a word for each `$`, or the first `at_most` of each text, and where they stand.

        The second, (n, length), is True there: where the tokens of a text with one word in place of its `$` and with
        another differ. A `$` beyond what the text tower reads has no place.
        """
        tokens, others = (
            self._tokenize([text.replace("$", word, at_most) for text in texts]) for word in self._stand_ins
        )
        return tokens, tokens != others

    @cached_property
    def _stand_ins(self) -> tuple[str, str]:
        """Two words that are one token each, other ones."""

        def rows(words: Sequence[str]) -> torch.Tensor:
            return self._tokenize([f"a photo of {word} that" for word in words])

        count = (rows(["", *STAND_INS]) != self._padding).sum(-1).tolist()
        single = [word for word, tokens in zip(STAND_INS, count[1:], strict=True) if tokens == count[0] + 1]
        others = [word for word in single[1:] if int((rows([single[0]]) != rows([word])).sum()) == 1]
        if not others:
            raise ModelError(f"tokenizer {type(self.tokenizer).__name__!r} has no two words of one token each")
        return single[0], others[0]

    @cached_property
    def _padding(self) -> int:
        """The id that fills a row up: the empty text's, before the last, where some tokenizers have a mark."""
        return int(self.tokenizer([""])[0, -2])

    def words_cut(self, texts: Sequence[str]) -> list[int]:
        """How many words at the end of each text lie beyond the context that the text tower reads, in whole or part."""
        cuts = [0] * len(texts)
        with self._lock:
            for row in (row for row, is_cut in enumerate(self.are_cut(texts)) if is_cut):
                words = texts[row].split()

                def overflows(last: int, words: list[str] = words) -> bool:
                    return self.are_cut([" ".join(words[: last + 1])])[0]

                cuts[row] = len(words) - bisect_left(range(len(words)), True, key=overflows)
        return cuts

    def are_cut(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text, with a word for each `$`, is longer than what the text tower reads.

        Such a text fills a longer row with a further token, any other one with a further piece of padding.
        """
        length, cut = int(self.tokenizer.context_length), [False] * len(texts)
        # A token is a letter or more, and up to three mark start and end.
        long = [row for row, text in enumerate(texts) if not text.isascii() or len(text) > length - 3]
        if long:
            filled = [texts[row].replace("$", self._stand_ins[0]) for row in long]
            padding = [self._tokenize(filled, more).eq(self._padding).sum(-1) for more in (length, length + 1)]
            for row, is_cut in zip(long, padding[0] == padding[1], strict=True):
                cut[row] = bool(is_cut)
        return cut

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


# --- the text tower ---------------------------------------------------------------------------------------------


def is_causal(model: Any) -> bool:
    """Whether the text tower reads from left to right and is read at its end token, so that what follows is left out.

    Of open_clip's, CLIP, PE-Core and MetaCLIP 2 are; SigLIP, MobileCLIP 2 (but B), CLIPA, CoCa and the towers of
    transformers read whole rows.
    """
    tower = _text_tower(model)
    pool = getattr(model, "text_pool_type", getattr(tower, "pool_type", None))
    masked, classified = getattr(tower, "attn_mask", None) is not None, getattr(tower, "cls_emb", None) is not None
    return pool in ("argmax", "eos") and masked and not classified


def text_ends(model: Any, tokens: torch.Tensor) -> torch.Tensor:
    """(n,) the column at which the text tower is read, where it is causal; else the last one, which it reads to."""
    if not is_causal(model):
        return torch.full((len(tokens),), tokens.shape[1] - 1, device=tokens.device)
    tower = _text_tower(model)
    if getattr(model, "text_pool_type", getattr(tower, "pool_type", None)) == "eos":
        end = int(getattr(model, "text_eos_id", getattr(tower, "eos_id", -1)))
        return tokens.eq(end).int().argmax(-1)
    return tokens.argmax(-1)  # the end token has the highest id


def encode_tokens(
    model: Any, tokens: torch.Tensor, words: torch.Tensor | None = None, places: torch.Tensor | None = None
) -> torch.Tensor:
    """(n, dim) un-normalised text embeddings of (n, length) token ids, as `model.encode_text` gives them.

    With `words` (n, width), words[i] stands in place of the token embeddings of row i wherever `places` (n, length) is
    True, with gradients. Most texts fill a fraction of the context, and a causal tower need not see the rest.
    """
    ends = text_ends(model, tokens)
    tokens = tokens[:, : int(ends.max()) + 1]

    def put_in(_module: object, _inputs: object, embedded: torch.Tensor) -> torch.Tensor:
        assert words is not None
        assert places is not None
        here = places[:, : embedded.shape[1], None]
        return torch.where(here, words.unsqueeze(1).to(embedded.dtype), embedded)

    hook = None if words is None else _token_embedding(model).register_forward_hook(put_in)
    try:
        found: torch.Tensor
        if not is_causal(model):
            found = model.encode_text(tokens, normalize=False)
            return found
        tower, length = _text_tower(model), tokens.shape[1]
        hidden = tower.token_embedding(tokens) + tower.positional_embedding[:length]
        hidden = tower.transformer(hidden, attn_mask=tower.attn_mask[:length, :length])
        found = tower.ln_final(hidden[torch.arange(len(tokens)), ends])
        projection = tower.text_projection
        if projection is not None:
            found = projection(found) if isinstance(projection, torch.nn.Linear) else found @ projection
        return found
    finally:
        if hook is not None:
            hook.remove()


def _text_tower(model: Any) -> Any:
    """Where open_clip keeps the text tower's parts: on the model itself, or on its `text`."""
    return getattr(model, "text", model)


def _token_embedding(model: Any) -> Any:
    """The layer that embeds token ids: of open_clip's own towers, or of a transformers model."""
    tower = _text_tower(model)
    if hasattr(tower, "token_embedding"):
        return tower.token_embedding
    find = getattr(getattr(tower, "transformer", None), "get_input_embeddings", None)
    if find is None:
        raise ModelError(f"text tower {type(tower).__name__!r} has no token embedding: use a model of open_clip's own")
    return find()


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


_loading = threading.RLock()


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keeps the libraries' warnings and log lines to themselves while they load a model; errors still raise.

    One thread at a time: what it changes is the whole process's, and put back in another order it would stay.
    """
    with _loading:
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
