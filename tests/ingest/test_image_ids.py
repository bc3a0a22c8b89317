"""The set of image_ids: as Python's own says, whatever is added and taken out, also where much is."""

from __future__ import annotations

import hashlib
import random

import pyarrow as pa
import pytest

from cvsi_db.ingest import image_ids
from cvsi_db.ingest.image_ids import ImageIds


@pytest.mark.parametrize("few", [0, 3, 2**16])
def test_it_holds_what_a_set_holds(monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr(image_ids, "_FEW", few)
    names = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(200)]
    chance = random.Random(few)
    held = set(chance.sample(names, 60))
    made = ImageIds(pa.array(sorted(held)[at : at + 25]) for at in range(0, 60, 25))
    for _ in range(60):
        some = chance.sample(names, chance.randrange(30))
        if chance.random() < 0.6:
            made.update(some)
            held |= set(some)
        else:
            made.difference_update(some)
            held -= set(some)
        assert made.intersection(names) == held
    assert "" not in made
    assert ImageIds().intersection(names) == set()
