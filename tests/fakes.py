"""Deterministic fakes for the four model seams, and helpers that make pictures.

The fakes share one idea: a word is a fixed vector (from its sha256), a text is the sum of its words, and a picture is
the word of its nearest colour name plus a little of its layout. So a red picture is near the text "red", two red
pictures are nearer, and every number is the same in every process. Each fake counts its calls: a test that wants to
know that no model was asked looks at `image_batches`, `text_batches` and `batches` (one size per call).
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cvsi_db.errors import RewriteError
from cvsi_db.records import FloatArray, PseudoText, Rewrite

DIM = 32
TOKEN_DIM = 24
LAYOUT_SHARE = 0.3
"""How much of a picture's layout goes into its embedding, next to 1 for its colour."""

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (220, 30, 30),
    "green": (30, 160, 60),
    "blue": (40, 60, 220),
    "yellow": (240, 220, 40),
    "purple": (130, 40, 160),
    "orange": (245, 140, 20),
    "black": (10, 10, 10),
    "grey": (128, 128, 128),
    "white": (250, 250, 250),
}


def make_picture(colour: str = "red", size: tuple[int, int] = (64, 48), dot: str | None = None) -> Image.Image:
    """An RGB picture of one named colour, with a square of another in its upper left corner when `dot` is given."""
    picture = Image.new("RGB", size, COLOURS[colour])
    if dot is not None:
        side = max(1, min(size) // 3)
        picture.paste(COLOURS[dot], (0, 0, side, side))
    return picture


def picture_bytes(
    colour: str = "red", size: tuple[int, int] = (64, 48), dot: str | None = None, kind: str = "PNG", **options: Any
) -> bytes:
    """The same as the bytes of an image file; `options` go to Pillow's save."""
    buffer = io.BytesIO()
    make_picture(colour, size, dot).save(buffer, kind, **options)
    return buffer.getvalue()


def save_picture(path: Path, colour: str = "red", size: tuple[int, int] = (64, 48), dot: str | None = None) -> Path:
    """Writes such a picture as PNG (whatever the suffix), folders included; returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture_bytes(colour, size, dot))
    return path


def colour_name(picture: Image.Image) -> str:
    """The name of the colour nearest to the picture's mean colour."""
    mean = np.asarray(picture.convert("RGB"), dtype=np.float32).mean(axis=(0, 1))
    return min(COLOURS, key=lambda name: float(np.square(mean - np.array(COLOURS[name])).sum()))


@cache
def word_vector(word: str, dim: int = DIM) -> FloatArray:
    """(dim,) float32 of norm 1, from the word's sha256 alone."""
    digest = b"".join(hashlib.sha256(f"{word}/{block}".encode()).digest() for block in range(-(-dim // 32)))
    vector = np.frombuffer(digest, dtype=np.uint8)[:dim].astype(np.float32) - 127.5
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


@cache
def _layout_projection(dim: int) -> FloatArray:
    return np.random.default_rng(7).standard_normal((48, dim)).astype(np.float32) / np.float32(np.sqrt(dim))


class FakeEncoder:
    """Encoder: pictures by colour name and layout, texts by their words; embeddings are not normalised."""

    side = 64
    batch_size = 32
    lanes = 1

    def __init__(self, dim: int = DIM) -> None:
        self._dim = dim
        self.image_batches: list[int] = []
        self.text_batches: list[int] = []

    @property
    def dim(self) -> int:
        return self._dim

    @property
    def token_dim(self) -> int:
        return min(TOKEN_DIM, self._dim)

    def prepare(self, picture: Image.Image) -> Image.Image:
        return picture

    def encode_images(self, pictures: Sequence[Image.Image]) -> FloatArray:
        self.image_batches.append(len(pictures))
        return self._stack([self._image(picture) for picture in pictures])

    def encode_texts(self, texts: Sequence[str | PseudoText]) -> FloatArray:
        self.text_batches.append(len(texts))
        return self._stack([self._text(text) for text in texts])

    def _image(self, picture: Image.Image) -> FloatArray:
        thumbnail = np.asarray(picture.convert("RGB").resize((4, 4), Image.Resampling.BOX), dtype=np.float32)
        layout = (thumbnail - thumbnail.mean(axis=(0, 1))).reshape(48) / 255
        colour = 3 * word_vector(colour_name(picture), self._dim)
        return np.asarray(colour + LAYOUT_SHARE * (layout @ _layout_projection(self._dim)), dtype=np.float32)

    def _text(self, text: str | PseudoText) -> FloatArray:
        sentence = text if isinstance(text, str) else text.text
        vector = np.sum([word_vector(word, self._dim) for word in _words(sentence)], axis=0, dtype=np.float32)
        if isinstance(text, PseudoText):
            vector = vector + np.pad(text.word, (0, self._dim - len(text.word)))
        return np.asarray(vector, dtype=np.float32)

    def _stack(self, rows: list[FloatArray]) -> FloatArray:
        return np.stack(rows) if rows else np.zeros((0, self._dim), dtype=np.float32)


def _words(text: str) -> list[str]:
    """Words in lower case; a text without any is one word of its own, so that no text embeds to zero."""
    return re.findall(r"[a-z0-9]+", text.lower()) or [f"<{text}>"]


class FakePhi:
    """Phi: the word of a picture is the first `token_dim` numbers of its normalised embedding."""

    def __init__(self, token_dim: int = TOKEN_DIM) -> None:
        self.token_dim = token_dim
        self.batches: list[int] = []

    def __call__(self, embeddings: FloatArray) -> FloatArray:
        self.batches.append(len(embeddings))
        norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
        return np.asarray((embeddings / norms)[:, : self.token_dim], dtype=np.float32)


class FakeCaptioner:
    """Captioner: three captions from colour and shape; the last one also depends on the seed."""

    def __init__(self, name: str = "fake-captioner") -> None:
        self._name = name
        self.batches: list[int] = []

    @property
    def name(self) -> str:
        return self._name

    def caption(self, pictures: Sequence[Image.Image], seeds: Sequence[str]) -> list[tuple[str, ...]]:
        self.batches.append(len(pictures))
        return [self._captions(picture, seed) for picture, seed in zip(pictures, seeds, strict=True)]

    def _captions(self, picture: Image.Image, seed: str) -> tuple[str, ...]:
        colour = colour_name(picture)
        shape = "wide" if picture.width > picture.height else "tall" if picture.height > picture.width else "square"
        number = int(hashlib.sha256(seed.encode()).hexdigest()[:4], 16) % 10
        return f"a {colour} picture", f"a {shape} {colour} image", f"{colour} drawing number {number}"


@dataclass(frozen=True)
class FakeModels:
    """The models of a bundle, as a search asks for them."""

    encoder: Any = field(default_factory=lambda: FakeEncoder())
    phi: Any = field(default_factory=lambda: FakePhi())
    captioner: Any = field(default_factory=lambda: FakeCaptioner())
    device: str = "cpu"


class FakeRewriter:
    """Rewriter: appends the edit text to each caption; the added objects are what follows "with" or "add"."""

    def __init__(self, name: str = "fake-rewriter") -> None:
        self._name = name
        self.calls: list[tuple[tuple[str, ...], str]] = []

    @property
    def name(self) -> str:
        return self._name

    def rewrite(self, captions: Sequence[str], edit_text: str) -> Rewrite:
        self.calls.append((tuple(captions), edit_text))
        if not captions or not edit_text.strip():
            raise RewriteError(f"nothing to rewrite: {len(captions)} captions, edit text {edit_text!r}")
        added = re.search(r"\b(?:with|add)\s+(.+)", edit_text)
        edited = tuple(f"{caption}, {edit_text}" for caption in captions)
        return Rewrite(edited, added.group(1).strip() if added else "", self._name, fallback=added is None)


class CutShort:
    """Stands in for an object: after the `number`-th call of `method`, `cut` is called, which kills or interrupts."""

    def __init__(self, inner: Any, method: str, number: int, cut: Callable[[], None]) -> None:
        self._inner, self._method, self._left, self._cut = inner, method, number, cut

    def __getattr__(self, name: str) -> Any:
        return self._call if name == self._method else getattr(self._inner, name)

    def _call(self, *args: Any) -> Any:
        result = getattr(self._inner, self._method)(*args)
        self._left -= 1
        if self._left == 0:
            self._cut()
        return result


def load_phi(path: Path, *, dim: int, token_dim: int, device: str) -> Any:
    """phi from a file, read and built as a bundle does it."""
    from cvsi_db.models.phi import build_phi, read_phi

    return build_phi(path, read_phi(path), dim=dim, token_dim=token_dim, device=device)
