import pytest
import torch

from cvsi_db.device import choose_device
from cvsi_db.errors import UsageError


def test_auto_takes_what_the_machine_has() -> None:
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert choose_device("auto") == expected
    assert choose_device("cpu") == "cpu"


def test_unknown_and_absent_devices_are_refused() -> None:
    with pytest.raises(UsageError, match="unknown device 'tpu': choose one of auto, cpu, cuda, mps"):
        choose_device("tpu")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="no device 'cuda'"):
            choose_device("cuda")
