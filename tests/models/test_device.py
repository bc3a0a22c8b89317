import threading

import pytest
import torch

from cvsi_db.errors import UsageError
from cvsi_db.models.device import choose_device, cores_shared


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


def test_cores_shared_divides_threads_and_restores_them() -> None:
    before, told = torch.get_num_threads(), list[int]()
    with cores_shared(max(2, before)) as begin:
        thread = threading.Thread(target=lambda: (begin(), told.append(torch.get_num_threads())))
        thread.start()
        thread.join()
        assert torch.get_num_threads() == before
    assert told == [1]
    thread = threading.Thread(target=lambda: told.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert told == [1, before]
