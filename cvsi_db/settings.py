"""Settings: where the gallery is, which bundle, device, rewriter and verifier; from the environment and a config file.

Order of precedence: what the caller passes, the environment (`CVSI_DB`, `CVSI_MODEL`, `CVSI_DEVICE`, `CVSI_REWRITER`,
`CVSI_VERIFIER`), the config file (TOML with the keys db, model, device, rewriter, verifier; `CVSI_CONFIG` or the
platform's config folder), the defaults. Imports nothing heavy.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from platformdirs import user_config_path, user_data_path

from cvsi_db.errors import UsageError
from cvsi_db.store.location import Location, locate

APP = "cvsi-db"


@dataclass(frozen=True)
class Settings:
    """Defaults for what a caller leaves out. `device` is auto, cpu, cuda or mps; without `rewriter` the bundle's,
    without `verifier` openai.

    Without `model` a new gallery's is chosen by what can be had (models/choice.py).
    """

    db: Location
    model: str | None = None
    device: str = "auto"
    rewriter: str | None = None
    verifier: str | None = None


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings in force. Raises UsageError when the config file is not TOML or has an unknown key."""
    names = [field.name for field in fields(Settings)]
    values = {"db": str(user_data_path(APP) / "gallery")}
    values |= _read_config(Path(environ.get("CVSI_CONFIG") or user_config_path(APP) / "config.toml"), names)
    values |= {name: environ[f"CVSI_{name.upper()}"] for name in names if environ.get(f"CVSI_{name.upper()}")}
    return Settings(**{**values, "db": locate(os.path.expanduser(values["db"]))})  # type: ignore[arg-type]


def _read_config(path: Path, names: list[str]) -> dict[str, str]:
    """The config file's values, or none when there is no such file."""
    if not path.is_file():
        return {}
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"cannot read the config file {str(path)!r}: {error}") from error
    for key, value in values.items():
        if key not in names or not isinstance(value, str):
            raise UsageError(
                f"{key!r} in the config file {str(path)!r} is not one of: {', '.join(names)}, each a string"
            )
    return values
