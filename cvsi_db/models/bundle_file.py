"""A user's own bundle: a TOML file that becomes a BundleSpec. Loads no weights.

    arch = "ViT-L-14-quickgelu"        # open_clip's name, local-dir:FOLDER, or hf-hub:OWNER/NAME; required
    weights = "openai"                 # one of open_clip's tags, or a file (.safetensors, or a .pt of plain weights)
    phi = "lincir-l14.pt"              # SEARLE's, LinCIR's and CVSI's checkpoints share one layout; optional
    captioner = "Salesforce/blip2-opt-6.7b"   # a transformers folder or hub name; required
    captions = 15                      # per image, as in the paper; 5 unless said
    preprocess = "targetpad"           # or "clip"
    preset = "circo"                   # what searches use unless they say otherwise
    rewriter = "openai,rules"          # likewise
    licence = "MIT"                    # of the parts that are files and folders; told by `cvsi-db models show`

Every other field of BundleSpec may be given too. Paths are relative to the file; a name that is no path beside it is
left to open_clip and transformers. OpenAI's weights were trained with the quick GELU: with a tag open_clip knows that,
with a file the architecture has to say so (`ViT-B-32-quickgelu`, `ViT-L-14-quickgelu`).
"""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

from cvsi_db.errors import BundleError, UsageError
from cvsi_db.models.spec import LOCAL_DIR, BundleSpec


def read_bundle(path: Path) -> BundleSpec:
    """The bundle that a TOML file declares, with BundleSpec's fields, of which arch and captioner must be there.

    Raises BundleError.
    """
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        if unknown := set(values) - {field.name for field in fields(BundleSpec)}:
            raise ValueError(f"unknown key {min(unknown)!r}")
        if missing := {"arch", "captioner"} - set(values):
            raise ValueError(f"the key {min(missing)!r} is missing")
        given = {key: _checked(path, key, value) for key, value in values.items()}
    except (OSError, ValueError, UsageError) as error:
        raise BundleError(f"cannot use the bundle {str(path)!r}: {error}") from error
    return BundleSpec(**({"name": path.stem, "summary": "", "licence": "", "weights": None, "phi": None} | given))


def _checked(path: Path, key: str, value: Any) -> Any:
    """A value of a bundle file if it can be meant, a path that exists beside the file made absolute."""
    kinds: dict[str, Any] = {"captions": int, "top_p": (float, int), "temperature": (float, int)}
    if not isinstance(value, kinds.get(key, str)) or isinstance(value, bool) or value in (0, ""):
        raise ValueError(f"{key} cannot be {value!r}")
    _check_meaning(key, value)
    return _beside(path, value) if key in ("arch", "weights", "phi", "captioner") else value


def _check_meaning(key: str, value: Any) -> None:
    """Raises ValueError or UsageError for a number out of range, or a name that nothing has."""
    if key == "captions" and value < 1:
        raise ValueError(f"{key} is at least 1, not {value}")
    if (key == "top_p" and not 0 < value <= 1) or (key == "temperature" and value <= 0):
        raise ValueError(f"{key} cannot be {value}: it is above 0" + (" and up to 1" if key == "top_p" else ""))
    if key == "preprocess" and value not in ("clip", "targetpad"):
        raise ValueError(f"{key} is 'clip' or 'targetpad', not {value!r}")
    if key == "preset":
        from cvsi_db.query.weights import find_preset

        find_preset(value)
    if key == "rewriter":
        from cvsi_db.models.rewriters import make_rewriter

        make_rewriter(value)


def _beside(path: Path, value: str) -> str:
    scheme = LOCAL_DIR if value.startswith(LOCAL_DIR) else ""
    beside = (path.parent / Path(value.removeprefix(LOCAL_DIR)).expanduser()).resolve()
    return f"{scheme}{beside}" if beside.exists() else value
