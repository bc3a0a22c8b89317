"""The cache computes each key once, and forgives what is damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cvsi_db.evaluation.cache import Cache, digest


def test_arrays_and_values_are_computed_once(tmp_path: Path) -> None:
    cache, calls = Cache(tmp_path / "new"), []

    def array() -> np.ndarray:
        calls.append("array")
        return np.arange(6, dtype=np.float32).reshape(2, 3)

    def value() -> list[tuple[str, int]]:
        calls.append("value")
        return [("ä", 1)]

    for _ in range(2):
        assert cache.array("images", ["a", b"b"], array).tolist() == [[0, 1, 2], [3, 4, 5]]
        assert [list(entry) for entry in cache.value("captions", ["a"], value)] == [["ä", 1]]
    assert calls == ["array", "value"]
    cache.array("images", ["ab", b""], array)
    assert calls == ["array", "value", "array"]
    assert sorted(path.suffix for path in (tmp_path / "new").iterdir()) == [".json", ".npy", ".npy"]


def test_without_a_folder_nothing_is_kept() -> None:
    values = iter((1, 2))
    assert [Cache(None).value("x", [], lambda: next(values)) for _ in range(2)] == [1, 2]


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00v\x00", b"[1, 2"])
def test_damaged_files_are_computed_again(tmp_path: Path, content: bytes) -> None:
    cache = Cache(tmp_path)
    cache.array("images", ["a"], lambda: np.ones(2, np.float32))
    cache.value("captions", ["a"], lambda: [1])
    for path in tmp_path.iterdir():
        path.write_bytes(content)
    assert cache.array("images", ["a"], lambda: np.zeros(2, np.float32)).tolist() == [0, 0]
    assert cache.value("captions", ["a"], lambda: [2]) == [2]
    assert cache.value("captions", ["a"], lambda: [3]) == [2]


def test_failure_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        Cache(tmp_path).value("captions", ["a"], lambda: object())
    assert list(tmp_path.iterdir()) == []


def test_digest_depends_on_bounds_between_parts() -> None:
    assert digest(["ab", "c"]) != digest(["a", "bc"])
    assert digest(["a", "b"]) == digest(["a", b"b"])
