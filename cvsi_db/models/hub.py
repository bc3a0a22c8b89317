"""Where weights that are not on this machine come from: the hub's local cache, else its network, else a clear error.

Takes repository and file names, returns cached paths; downloads nothing itself. Knows nothing about models.
"""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from cvsi_db.errors import ModelError

OPEN_CLIP_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin")
"""The names under which a repository may hold open_clip's weights, the preferred one first."""

PATIENCE_SECONDS = 3.0
"""How long the hub may take to answer before it counts as unreachable."""


def cached_file(repo: str, names: Sequence[str]) -> Path | None:
    """The first of these files of a repository that the local cache holds, or None."""
    from huggingface_hub import try_to_load_from_cache

    for name in names:
        found = try_to_load_from_cache(repo, name)
        if isinstance(found, str):
            return Path(found)
    return None


def require_hub(what: str) -> None:
    """Raises ModelError, within seconds, when the hub may not or cannot be asked for `what`."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        raise missing(what, "HF_HUB_OFFLINE is set")
    if not _answers(constants.ENDPOINT):
        raise missing(what, f"{constants.ENDPOINT} cannot be reached")


def missing(what: str, reason: str) -> ModelError:
    """The error for weights that cannot be had, with the two ways out."""
    return ModelError(
        f"the weights of {what} are not in the local cache and {reason}: "
        "give the path of a local copy, or use the bundled model (--model starter)"
    )


def _answers(url: str) -> bool:
    """Whether a server answers in time, whatever it says; looking up its name may hang, hence the thread."""
    answered = threading.Event()

    def ask() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=PATIENCE_SECONDS).close()
            answered.set()
        except urllib.error.HTTPError:
            answered.set()
        except OSError:
            pass

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PATIENCE_SECONDS + 1)
    return answered.is_set()
