"""The seams between the pipeline and the models: what implements one of these takes part in ingest and search.

Tests put deterministic fakes here and nowhere else. Imports neither torch nor any model library.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from cvsi_db.errors import VerifyError
from cvsi_db.records import FloatArray, PseudoText, Question, Rewrite, ShownHit, Usage

if TYPE_CHECKING:
    from PIL.Image import Image


class Encoder(Protocol):
    """Image and text towers of one CLIP model.

    `dim` is the width of the joint space. Embeddings are returned as the towers project them, un-normalised
    (phi reads un-normalised ones): callers normalise. It may also have a method `words_cut(texts)`: how many
    words at the end of each text are beyond what the text tower reads. One that reads word by word may have
    `word_warnings(text)`, a line for each word that is not taken as it stands, and `word_readings(text)`, a line for
    what each was read as. One that embeds image and text together is a Composer.
    """

    @property
    def dim(self) -> int:
        """Width of the joint embedding space."""

    @property
    def side(self) -> int:
        """Side, in pixels, of the square that the image tower sees of an image."""

    @property
    def batch_size(self) -> int:
        """How many images it encodes best at once, where it runs."""

    @property
    def lanes(self) -> int:
        """How many batches it encodes best side by side: several on a CPU, each on cores of its own, else 1."""

    def prepare(self, picture: Image) -> Image:
        """What the tower sees of an upright RGB picture, resized and cropped: `encode_images` gives the same for it.

        Called from several threads, ahead of the tower."""

    def encode_images(self, pictures: Sequence[Image]) -> FloatArray:
        """(n, dim) un-normalised embeddings of upright RGB pictures, in order, in one batch."""

    def encode_texts(self, texts: Sequence[str | PseudoText]) -> FloatArray:
        """(n, dim) un-normalised embeddings, in order, in one batch; pseudo-tokens replace the first `$` of theirs."""


@runtime_checkable
class Composer(Encoder, Protocol):
    """An Encoder that embeds an image and a text together, too."""

    def encode_composed(self, pictures: Sequence[Image], texts: Sequence[str]) -> FloatArray:
        """(n, dim) one embedding, un-normalised, for each upright RGB picture with its text, in order."""


class Phi(Protocol):
    """The mapping network: an image embedding becomes the embedding of one word."""

    def __call__(self, embeddings: FloatArray) -> FloatArray:
        """(n, token_dim) word embeddings from (n, dim) un-normalised image embeddings."""


class Captioner(Protocol):
    """Writes several captions of an image. `name` identifies weights and settings: it keys the caption cache.

    Asked from as many threads at once as its bundle's encoder has lanes.
    """

    @property
    def name(self) -> str:
        """Identifies model, weights and sampling settings."""

    def caption(self, pictures: Sequence[Image], seeds: Sequence[str]) -> list[tuple[str, ...]]:
        """Captions of each picture, in order. `seeds[i]` (an image_id) fixes the sampling of picture i, whatever
        else is in the batch, so that captioning again gives the same captions."""


class Models(Protocol):
    """The models of one bundle. Each may load when it is first read."""

    @property
    def encoder(self) -> Encoder:
        """The image and text towers."""

    @property
    def phi(self) -> Phi | None:
        """The mapping network, if there is one."""

    @property
    def captioner(self) -> Captioner | None:
        """What captions images, if anything does."""

    @property
    def device(self) -> str:
        """Where the models run: cpu, cuda or mps."""


class Rewriter(Protocol):
    """Applies an edit text to captions. `name` identifies rewriter and prompt version: it keys the rewrite cache.

    It may also have, read through the functions of those names in rewriters: `concurrency` (int; how many threads may
    ask it at once, 1 when it does not say: see `concurrency_of`), `usage` (a `Usage`; what it has cost so far: see
    `usage_of`), `cache_name` (the name to keep its answers by, where that is not `name`: see `cache_name`) and `check`
    (raises RewriteError when it cannot answer at all: see `check_rewriter`).
    """

    @property
    def name(self) -> str:
        """Identifies rewriter, model and prompt version."""

    def rewrite(self, captions: Sequence[str], edit_text: str) -> Rewrite:
        """The captions as they would read after the edit, and the objects the edit adds.

        Raises RewriteError when there is no usable answer."""


class Verifier(Protocol):
    """Says how surely an image is the reference, changed as the edit text says. `name` keys the cache of its answers.

    One that inherits from this says only what differs of `at_once` (how many hits one call takes at most),
    `concurrency` (how many threads may ask it at once), `deadline` (seconds for all answers of a search), `budget` (the
    tokens that a search may cost), `usage` (what it has cost so far) and `sees` (False for one that reads captions
    alone: it is shown no image, and its answers are not kept).
    """

    at_once: int = 1
    concurrency: int = 1
    deadline: float = 60.0
    budget: float = math.inf
    usage: Usage | None = None
    sees: bool = True

    @property
    def name(self) -> str:
        """Identifies verifier, model and prompt version."""

    def verify(self, question: Question, hits: Sequence[ShownHit]) -> Sequence[float]:
        """(n,) the confidence for each hit, from 0 to 1. Raises VerifyError when there is no usable answer."""

    def check(self) -> None:
        """Raises VerifyError when it cannot answer at all."""
        return

    def what_lacks(self, question: Question, hit: ShownHit) -> str:  # noqa: ARG002
        """In a few words, what the hit lacks to be what is asked for. Raises VerifyError when it cannot say."""
        raise VerifyError(f"the verifier {self.name} cannot say what a hit lacks")
