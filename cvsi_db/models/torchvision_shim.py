"""Makes torchvision importable beside a torch of another build.

The usual wheels of torchvision are built for CUDA. Beside a CPU torch its compiled operators do not load, and its
import fails while it registers shapes for two of them. Declaring these two, without an implementation, is enough:
nothing here calls them (they suppress overlapping boxes).
"""

from __future__ import annotations

import importlib
import sys

import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_libraries: list[torch.library.Library] = []  # an operator lives as long as the library object that declared it


def ensure_torchvision() -> None:
    """Imports torchvision, with the two missing operators declared when, and only when, the plain import fails."""
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        _forget_half_imported()
        _declare("nms", "qnms")
        importlib.import_module("torchvision")


def _forget_half_imported() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]


def _declare(*operators: str) -> None:
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for operator in operators:
        library.define(operator + _SCHEMA)  # type: ignore[no-untyped-call]
    _libraries.append(library)
