"""A model that embeds an image, a text, or both together, through sentence-transformers, as the encoder of a bundle.

Takes a folder or OWNER/NAME; returns a ComposerEncoder, whose `encode_composed` makes the term `composed`:
Qwen3-VL-Embedding, GME and their like. Code that comes with a checkpoint never runs, and only safetensors are read.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cvsi_db.errors import ModelError
from cvsi_db.models.hub import COMPOSER_FILES, cached_files
from cvsi_db.models.torchvision_shim import ensure_torchvision
from cvsi_db.records import FloatArray, PseudoText

if TYPE_CHECKING:
    from PIL.Image import Image

OLDEST = (5, 4)
"""The first version of sentence-transformers that takes `{"image": …, "text": …}`."""

SIDE = 1024
"""Pixels of the longer side of the images that it is shown: such models read larger ones as more tokens."""

_BATCH_SIZES = {"cuda": 32, "mps": 8}


class ComposerEncoder:
    """A SentenceTransformer as an Encoder. Safe to use from several threads, which take turns.

    Each instruction goes with one kind of input: with images of the gallery and references, with texts, and with image
    and text together; without one, what the model's own configuration says does.
    """

    lanes = 1
    side = SIDE

    def __init__(
        self,
        model: Any,
        device: str,
        *,
        instruction: str | None = None,
        text_instruction: str | None = None,
        image_instruction: str | None = None,
    ) -> None:
        self._model = model
        self._instruction, self._text, self._image = instruction, text_instruction, image_instruction
        self._turn = threading.Lock()
        self.batch_size = _BATCH_SIZES.get(device.partition(":")[0], 4)
        self.dim = int(model.get_embedding_dimension() or len(self.encode_texts(["a"])[0]))

    def prepare(self, picture: Image) -> Image:
        """The picture, or a smaller copy whose longer side is SIDE pixels; `encode_images` gives the same for both."""
        if max(picture.size) <= SIDE:
            return picture
        smaller = picture.copy()
        smaller.thumbnail((SIDE, SIDE))
        return smaller

    def encode_images(self, pictures: Sequence[Image]) -> FloatArray:
        """(n, dim) embeddings of RGB pictures, in order."""
        return self._encode([{"image": self.prepare(picture)} for picture in pictures], self._image)

    def encode_texts(self, texts: Sequence[str | PseudoText]) -> FloatArray:
        """(n, dim) embeddings, in order. Raises ModelError for a pseudo-token, which such a model has no place for."""
        if any(isinstance(text, PseudoText) for text in texts):
            raise ModelError("a model of sentence-transformers takes no pseudo-token: leave phi out of its bundle")
        return self._encode([{"text": text} for text in texts], self._text)

    def encode_composed(self, pictures: Sequence[Image], texts: Sequence[str]) -> FloatArray:
        """(n, dim) one embedding for each picture with its text, in order."""
        shown = map(self.prepare, pictures)
        both: list[dict[str, Any]] = [{"image": one, "text": text} for one, text in zip(shown, texts, strict=True)]
        return self._encode(both, self._instruction)

    def word_warnings(self, text: str) -> tuple[str, ...]:  # noqa: ARG002
        """None: such models read many languages, and do not say which."""
        return ()

    def _encode(self, inputs: list[dict[str, Any]], instruction: str | None) -> FloatArray:
        # Always by name: a bare text that is a path or an address would be taken for the image there.
        if not inputs:
            return np.empty((0, self.dim), np.float32)
        with self._turn:
            found = self._model.encode(
                inputs, prompt=instruction, batch_size=self.batch_size, show_progress_bar=False, convert_to_numpy=True
            )
        return np.asarray(found, dtype=np.float32)


def load_composer(source: str, *, device: str, width: int | None = None, **instructions: str | None) -> ComposerEncoder:
    """The encoder of a folder, or of a repository of the hub that is in the cache.

    `width` keeps only the first numbers of every embedding, for models that were trained so (Matryoshka); the
    instructions are ComposerEncoder's. Raises ModelError when sentence-transformers or a file is missing, and for a
    model that is damaged, wants code of its own to run, or takes no image and text together.
    """
    ensure_torchvision()
    try:
        import sentence_transformers
    except ModuleNotFoundError as error:
        raise ModelError(f"the model 'st:{source}' needs {error.name}: pip install 'cvsi-db[st]'") from None
    if tuple(int(part) for part in sentence_transformers.__version__.split(".")[:2]) < OLDEST:
        found = sentence_transformers.__version__
        raise ModelError(f"sentence-transformers {found} takes no image with a text: pip install -U 'cvsi-db[st]'")
    from cvsi_db.models.clip import quiet_libraries
    from cvsi_db.models.transformers_clip import without_progress_bars

    place = Path(source).expanduser()
    if not place.is_dir():
        files, missing = cached_files(source, COMPOSER_FILES)
        if missing:
            raise ModelError(f"the model 'st:{source}' is not on this machine, {missing[0][0]} is missing: pull it")
        place = files[0].parent
    elif any(path.suffix in (".bin", ".pt", ".pth") for path in place.rglob("*")):
        raise ModelError(f"the model 'st:{source}' has weights that are not safetensors: save it anew with those alone")
    try:
        with quiet_libraries(), without_progress_bars():
            model = sentence_transformers.SentenceTransformer(
                str(place),
                device=device,
                trust_remote_code=False,
                local_files_only=True,
                truncate_dim=width,
                model_kwargs={"use_safetensors": True},
            )
    except Exception as error:  # it raises whatever its readers stumble over
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"cannot load the model 'st:{source}' of sentence-transformers: {reason}") from error
    if not model.supports(("image", "text")):
        raise ModelError(f"the model 'st:{source}' takes no image and text together: name one that does")
    encoder = ComposerEncoder(model, device, **instructions)
    if width and encoder.dim < width:
        raise ModelError(f"the model 'st:{source}' has vectors of {encoder.dim} numbers: width cannot be {width}")
    return encoder
