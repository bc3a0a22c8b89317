"""find_duplicates: every pair that is near enough and no other, whatever the blocks, and how pairs become groups."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cvsi_db.errors import QueryError
from cvsi_db.ingest import ingest
from cvsi_db.manage import duplicates, near_pairs
from cvsi_db.manage.duplicates import Groups, find_duplicates
from cvsi_db.records import FloatArray, ImageRow
from cvsi_db.store.catalog import Catalog
from cvsi_db.store.images import Store
from tests.fakes import DIM, FakeCaptioner, FakeEncoder, save_picture


def row(number: int, vector: FloatArray, width: int = 10, paths: tuple[str, ...] = ()) -> ImageRow:
    path = f"/p/{number:04}.png"
    return ImageRow(
        image_id=f"{number:064x}", path=path, paths=paths or (path,), folder="p", name=f"{number:04}.png", format="png",
        width=width, height=10, size_bytes=100, modified_at="2024-01-01", taken_at=None, camera=None, captions=(),
        tags=(), image_vector=vector, caption_vector=np.zeros(DIM, np.float32),
    )  # fmt: skip


@pytest.fixture
def fill(store: Store) -> Callable[[FloatArray], Store]:
    """Makes a gallery of these vectors, number by number."""

    def filled(vectors: FloatArray) -> Store:
        store.upsert([row(number, vector) for number, vector in enumerate(vectors)], [])
        return store

    return filled


def numbers(group: tuple[duplicates.Lookalike, ...]) -> list[int]:
    return [int(one.image_id, 16) for one in group]


def arc(*degrees: float) -> FloatArray:
    """Vectors at these angles in one plane."""
    angles = np.radians(degrees)
    vectors = np.zeros((len(degrees), DIM), np.float32)
    vectors[:, 0], vectors[:, 1] = np.cos(angles), np.sin(angles)
    return vectors


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells, tiles and reads of few rows, so that a small gallery has many."""
    for name, rows in {"CELL": 8, "TOGETHER": 3, "READ": 50, "TILE": 7, "AXES": (4, 8, 16)}.items():
        monkeypatch.setattr(near_pairs, name, rows)


@pytest.mark.parametrize("block", [1, 2, 3, 100])
def test_a_chain_of_near_images_is_one_group(
    fill: Callable[[FloatArray], Store], monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(duplicates, "BLOCK", block)
    found = find_duplicates(fill(arc(0, 90, 10, 20, 100, 180)), 0.98)  # cos 10° is 0.985, cos 20° 0.940
    assert [numbers(group) for group in found.near] == [[0, 2, 3], [1, 4]]
    assert (found.images, found.exact) == (6, ())
    assert [round(one.similarity, 2) for group in found.near for one in group] == [0.98] * 5
    assert find_duplicates(fill(arc(0, 90, 10, 20, 100, 180)), 0.99).near == ()


def test_the_pairs_are_those_of_brute_force(
    fill: Callable[[FloatArray], Store], monkeypatch: pytest.MonkeyPatch, small_blocks: None
) -> None:
    monkeypatch.setattr(duplicates, "BLOCK", 37)
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((40, DIM))[rng.integers(0, 40, 300)] + 0.25 * rng.standard_normal((300, DIM))
    store = fill((vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32))
    stored = np.stack([one.image_vector for _, one in sorted(store.rows(store.ids()).items())]).astype(np.float64)
    stored /= np.linalg.norm(stored, axis=1, keepdims=True)
    cosines = stored @ stored.T - 2 * np.eye(300)
    expected = groups_of(cosines >= 0.95)
    assert len(expected) > 10
    found = find_duplicates(store, 0.95)
    assert sorted(sorted(numbers(group)) for group in found.near) == expected
    for one in (one for group in found.near for one in group):
        assert one.similarity == pytest.approx(cosines[int(one.image_id, 16)].max(), abs=1e-5)


@pytest.mark.parametrize("kind", ["spread", "clusters", "few axes", "alike", "damaged"])
@pytest.mark.parametrize("threshold", [0.3, 0.9, 0.98, 1.0])
def test_every_near_pair_is_found_once(kind: str, threshold: float, small_blocks: None) -> None:
    rng = np.random.default_rng(5)
    vectors = rng.standard_normal((150, DIM))
    if kind == "clusters":
        vectors = vectors[rng.integers(0, 12, 150)] + 0.2 * rng.standard_normal((150, DIM))
    elif kind == "few axes":
        vectors = vectors * np.arange(1, DIM + 1) ** -1.5
    elif kind == "alike":
        vectors = np.repeat(vectors[:5], 30, axis=0)
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    if kind == "damaged":
        vectors[::3], vectors[1, 0] = 0, np.nan
    pairs, steps = Counter[tuple[int, int]](), list[tuple[int, int]]()

    def found(rows: np.ndarray, others: np.ndarray, cosines: np.ndarray) -> None:
        for row, other in np.argwhere(cosines):
            pairs[min(rows[row], others[other]), max(rows[row], others[other])] += 1

    stored = vectors.astype(np.float16)
    near_pairs.find_near_pairs(stored, threshold, found, lambda done, total: steps.append((done, total)))
    unit = near_pairs.unit(stored).astype(np.float64)
    expected = np.argwhere(np.triu(unit @ unit.T, 1) >= threshold - near_pairs.SLACK)
    assert set(pairs) == set(map(tuple, expected.tolist()))
    assert set(pairs.values()) <= {1}
    assert len(expected) or threshold == 1.0 or kind not in ("clusters", "alike")
    assert steps == sorted(steps)
    assert steps[-1] == (11250, 11250)


def groups_of(near: np.ndarray) -> list[list[int]]:
    """The connected components of two or more, by walking."""
    left, groups = set(range(len(near))), []
    while left:
        group, edge = set(), {min(left)}
        while edge:
            group |= edge
            edge = {int(other) for one in edge for other in np.flatnonzero(near[one])} - group
        left -= group
        groups.append(sorted(group))
    return sorted(group for group in groups if len(group) > 1)


def test_the_largest_picture_of_a_group_comes_first(store: Store) -> None:
    same = arc(0)[0]
    store.upsert([row(1, same, 10), row(2, same, 30), row(3, same, 20)], [])
    (group,) = find_duplicates(store, 1.0).near
    assert [(one.width, one.path) for one in group] == [(30, "/p/0002.png"), (20, "/p/0003.png"), (10, "/p/0001.png")]
    assert [one.similarity for one in group] == pytest.approx([1, 1, 1], abs=1e-6)


def test_files_with_one_content_are_exact_duplicates_only(store: Store) -> None:
    store.upsert([row(1, arc(0)[0], paths=("/b.png", "/p/0001.png", "/a.png")), row(2, arc(90)[0])], [])
    found = find_duplicates(store, 0.5)
    assert [one.paths for one in found.exact] == [("/p/0001.png", "/a.png", "/b.png")]
    assert found.near == ()


def test_links_are_no_duplicates(
    photos: Path, store: Store, catalog: Catalog, encoder: FakeEncoder, captioner: FakeCaptioner, tmp_path: Path
) -> None:
    content = (photos / "red.png").read_bytes()
    (photos / "a copy.png").write_bytes(content)
    (photos / "0 symbolic.png").symlink_to(photos / "red.png")
    os.link(photos / "red.png", photos / "z hard.png")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "outside.png").write_bytes((photos / "blue.png").read_bytes())
    (photos / "outside.png").symlink_to(tmp_path / "elsewhere" / "outside.png")  # the only path of its file here
    (photos / "green link.png").symlink_to("green.png")
    (photos / "trip link").symlink_to("trip")
    ingest([photos, photos / "trip link"], store=store, catalog=catalog, encoder=encoder, captioner=captioner)
    found = find_duplicates(store, 1.0)
    (red,) = (same for same in found.exact if str(photos / "red.png") in same.paths)
    assert set(red.paths) == {str(photos / "red.png"), str(photos / "a copy.png")}
    assert {(Path(link.path).name, link.kind, Path(link.of).name) for link in red.links} == {
        ("0 symbolic.png", "symbolic link", "red.png"),
        ("z hard.png", "hard link", "red.png"),
    }
    assert [[Path(path).name for path in same.paths] for same in found.exact if same != red] == [
        ["blue.png", "outside.png"]
    ]
    links = {Path(link.path).relative_to(photos).as_posix(): link.kind for same in found.linked for link in same.links}
    assert links["green link.png"] == "symbolic link"
    assert all(kind == "symbolic link" for kind in links.values())


def test_duplicates_among_ingested_images(
    photos: Path, store: Store, catalog: Catalog, encoder: FakeEncoder, captioner: FakeCaptioner
) -> None:
    save_picture(photos / "larger.png", "red", (128, 96))
    ingest([photos], store=store, catalog=catalog, encoder=encoder, captioner=captioner)
    steps: list[tuple[int, int]] = []
    found = find_duplicates(store, 0.98, lambda done, total: steps.append((done, total)))
    assert [[Path(one.path).name for one in group] for group in found.near] == [["larger.png", "red.png"]]
    assert steps == [(18, 18)]


def test_an_empty_gallery_has_none(store: Store) -> None:
    found = find_duplicates(store, 0.98)
    assert (found.images, found.exact, found.near) == (0, (), ())


@pytest.mark.parametrize("threshold", [0, -1, 1.5, float("nan")])
def test_a_threshold_outside_0_to_1_is_an_error(store: Store, threshold: float) -> None:
    with pytest.raises(QueryError, match="above 0 and at most 1"):
        find_duplicates(store, threshold)


def test_groups_join_in_any_order() -> None:
    groups = Groups(7)
    for pair in ([5, 6], [0, 1], [3, 5], [1, 6], [2, 2]):
        groups.join(np.array(pair))
    assert [members.tolist() for members in groups.members()] == [[0, 1, 3, 5, 6]]
