"""Where captions come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from cvsi_db.errors import UsageError
from cvsi_db.training.caption_source import draw_captions, parse_captions, read_captions, scene_captions


def test_text_is_one_caption_a_line(tmp_path: Path) -> None:
    (tmp_path / "captions.txt").write_text("a red  cat\n\n  two dogs\t\nécole {1}\n", "utf-8")
    assert read_captions(tmp_path / "captions.txt") == ["a red cat", "two dogs", "école {1}"]


def test_json_lines_hold_captions_or_a_caption() -> None:
    lines = ['{"path": "a.jpg", "captions": ["a cat", " ", "a red cat"]}\n', "\n", '{"caption": "two\\ndogs"}\n']
    assert parse_captions(lines, "stdin") == ["a cat", "a red cat", "two dogs"]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["", "  \n"], "stdin holds no captions"),
        (['{"caption": ""}'], "stdin holds no captions"),
        (['{"caption": "a"}', "a cat"], "line 2 of stdin is not a JSON object"),
        (['{"caption": "a"}', "", '{"text": "a"}'], "line 3 of stdin has neither"),
        (['{"captions": ["a", 3]}'], "line 1 of stdin has neither"),
        (['{"captions": null}'], "line 1 of stdin has neither"),
        (['{"caption": "a"}', "[1]"], "line 2 of stdin has neither"),
    ],
)
def test_source_without_captions_is_refused(lines: list[str], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        parse_captions(lines, "stdin")


def test_unreadable_caption_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none.txt': No such file"):
        read_captions(tmp_path / "none.txt")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(UsageError, match=r"latin.txt': 'utf-8' codec"):
        read_captions(tmp_path / "latin.txt")


def test_scene_captions_repeat() -> None:
    assert scene_captions(3, seed=2) == scene_captions(5, seed=2)[:3]
    assert scene_captions(3, seed=2) != scene_captions(3, seed=3)


def test_draw_captions_draws_at_most_what_a_run_uses() -> None:
    captions = [f"{number}" for number in range(100)]
    assert draw_captions(captions, 100, seed=1) == captions
    drawn = draw_captions(captions, 10, seed=1)
    assert len(set(drawn)) == 10
    assert drawn == sorted(drawn, key=int)
    assert drawn == draw_captions(captions, 10, seed=1) != draw_captions(captions, 10, seed=2)
