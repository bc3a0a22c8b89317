"""The rules rewriter on edit texts that people wrote: none fails, most are understood, the printed table is true."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from cvsi_db.models.rules import RulesRewriter
from tests.models import real_text
from tests.models.real_text import CLOTHES, DATA, PHOTOS

REWRITER = RulesRewriter()
TABLE = Path(__file__).parents[2] / "cvsi_db" / "models" / "starter" / "rewrites.md"


def _fallbacks(pairs: list[tuple[str, str]]) -> float:
    """The share that falls back; every one must give one caption that is not blank."""
    fallen = 0
    for caption, edit_text in pairs:
        rewrite = REWRITER.rewrite([caption], edit_text)
        assert len(rewrite.edited_captions) == 1
        assert rewrite.edited_captions[0].strip()
        fallen += rewrite.fallback
    return fallen / len(pairs)


def test_every_edit_text_of_cirr() -> None:
    texts = real_text.cirr()
    if not texts:
        pytest.skip(f"no CIRR captions under {DATA}: set CVSI_DATA to the folder that holds cirr/captions")
    assert _fallbacks([(list(PHOTOS)[row % len(PHOTOS)], text) for row, text in enumerate(texts)]) < 0.13


def test_every_edit_text_of_fashioniq() -> None:
    texts = real_text.fashioniq()
    if not texts:
        pytest.skip(f"no FashionIQ captions under {DATA}: set CVSI_DATA to the folder that holds fashioniq/captions")
    assert _fallbacks([(CLOTHES[kind][row % 2], text) for row, (kind, text) in enumerate(texts)]) < 0.06


def _rows() -> list[list[str]]:
    lines = [line for line in TABLE.read_text().splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row in rows if len(row) == 5 and re.match(r"(?:good|partly|bad)\b", row[4])]


def test_the_table_of_rewrites_is_what_the_rewriter_answers() -> None:
    rows = _rows()
    assert len(rows) == 200
    for caption, edit_text, edited, objects, _ in rows:
        rewrite = REWRITER.rewrite([caption], edit_text)
        assert (rewrite.edited_captions[0], rewrite.added_objects) == (edited, objects), edit_text


def test_the_table_counts_its_verdicts() -> None:
    text = TABLE.read_text()
    for verdict in ("good", "partly", "bad"):
        number = sum(row[4].startswith(verdict) for row in _rows())
        assert f"{number} {verdict}" in text


def test_long_and_odd_texts_end_soon() -> None:
    for text in ("and " * 300, "with a hat and " * 100, "is " * 500, "the " * 500, ", " * 500, "x" * 5000):
        start = time.perf_counter()
        assert REWRITER.rewrite(["a dog", text], text).edited_captions
        assert time.perf_counter() - start < 5
