"""The resident rows: loading, freshness, threads, the memory budget; and the proof of the scan."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from threading import Barrier

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
import torch

from cvsi_db.errors import UsageError
from cvsi_db.records import Column, ComposedQuery, Term
from cvsi_db.search import SearchContext, search, search_many
from cvsi_db.search.plan.build import build_plan
from cvsi_db.search.plan.nodes import format_plan
from cvsi_db.search.plan.strategies import BUDGET_MB, Facts, gather_facts, memory_budget
from cvsi_db.search.run import exact_scan, int8_scan, resident_matrix
from cvsi_db.search.run.exact_scan import Request, find_rows
from cvsi_db.search.run.executor import run_plan
from cvsi_db.search.run.int8_scan import append, codes_are_faster, encode, find_by_codes
from cvsi_db.search.run.rerank import mix, rerank
from cvsi_db.search.run.resident_matrix import Resident, ResidentMatrix, load_matrix, refreshed
from cvsi_db.store.images import Store, matrix
from tests.fakes import picture_bytes
from tests.search.conftest import (
    assert_exact,
    brute_force,
    fill,
    image_row,
    load_coded,
    logical_query,
    new_store,
    random_vectors,
    unit,
)

QUERY = ComposedQuery(picture_bytes("red"), "with a hat", k=5)


@pytest.fixture
def filled(context: SearchContext) -> SearchContext:
    fill(context.store, random_vectors(60, seed=4))
    return context


def strategies(context: SearchContext, times: int) -> list[str]:
    return [search(QUERY, context).plan.strategy for _ in range(times)]


# --- loading --------------------------------------------------------------------------------------------------------


def test_the_matrix_holds_both_columns_as_they_are_stored(big_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cvsi_db.search.run.resident_matrix.BATCH_ROWS", 400)
    resident = load_matrix(big_store, "cpu")
    table = big_store.scan(["image_id", "image_vector", "caption_vector"])
    expected = np.concatenate([matrix(table, "image_vector"), matrix(table, "caption_vector")], axis=1)
    places = {image_id: place for place, image_id in enumerate(table["image_id"].to_pylist())}
    order = [places[image_id] for image_id in resident.image_ids.to_pylist()]
    assert sorted(order) == list(range(1500))
    taken = big_store.take_rows(resident.row_ids[[7, 1400, 3]], ["image_id"])["image_id"].to_pylist()
    assert {*taken} == {resident.image_ids[row].as_py() for row in (7, 1400, 3)}
    assert resident.rows.dtype == torch.float16
    assert np.array_equal(resident.rows.float().numpy(), expected[order])
    for longest, column in zip(resident.longest, ("image_vector", "caption_vector"), strict=True):
        assert np.linalg.norm(matrix(table, column), axis=1).max() <= longest < 1.01


def test_the_columns_are_mixed_to_the_last_bit_as_those_of_rows_on_disk(big_store: Store) -> None:
    resident, table = load_matrix(big_store, "cpu"), big_store.scan(["image_id", "image_vector", "caption_vector"])
    rows = np.array([3, 1400, 3, 77])
    gammas = np.array([0.1, 0.3, 1.0, 0.0])
    mixed = resident.mixed(rows, np.stack([1 - gammas, gammas], axis=1))
    places = {image_id: place for place, image_id in enumerate(table["image_id"].to_pylist())}
    for got, image_id, gamma in zip(mixed, resident.image_ids.take(rows).to_pylist(), gammas.tolist(), strict=True):
        of_it = table.slice(places[image_id], 1)
        columns = (Column("image_vector", 1 - gamma), Column("caption_vector", gamma))
        assert np.array_equal(got, mix(columns, {each.name: matrix(of_it, each.name) for each in columns})[0])


def test_a_table_of_many_pieces_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cvsi_db.search.run.resident_matrix.BATCH_ROWS", 7)
    store, vectors = new_store(tmp_path), random_vectors(40, seed=8)
    for start in range(0, 40, 10):
        store.upsert([image_row(number, *vectors[number]) for number in range(start, start + 10)], [])
    store.delete([image_row(number, *vectors[number]).image_id for number in (3, 15, 39)])
    table = store.scan(["image_id"])
    assert sorted(load_matrix(store, "cpu").image_ids.to_pylist()) == sorted(table["image_id"].to_pylist())
    assert store.count() == 37


def test_an_empty_table_is_an_empty_matrix(tmp_path: Path) -> None:
    assert len(load_matrix(new_store(tmp_path), "cpu")) == 0


def test_the_matrix_is_of_one_version_whatever_is_written_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, true_count = fill(new_store(tmp_path), random_vectors(5, seed=1)), Store.count

    def counted(self: Store) -> int:
        store.upsert([image_row(number, *random_vectors(1, seed=number)[0]) for number in (100, 101)], [])
        return true_count(self)

    before = store.version
    monkeypatch.setattr(Store, "count", counted)
    loaded = load_matrix(store, "cpu")
    assert (len(loaded), loaded.version) == (5, before)
    assert len(refreshed(loaded, store) or ()) == 7


# --- freshness and choice -------------------------------------------------------------------------------------------


def test_the_second_search_loads_and_what_is_written_then_is_read_alone(filled: SearchContext) -> None:
    assert strategies(filled, 3) == ["fused", "resident", "resident"]
    new = image_row(500, *(np.stack([unit(1), unit(1)])))
    filled.store.upsert([new], [])
    assert strategies(filled, 2) == ["resident", "resident"]
    assert new.image_id in filled.resident.matrix(filled.store, "cpu").image_ids.to_pylist()


def test_rows_that_changed_are_read_alone_and_the_rest_is_as_if_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, vectors = fill(new_store(tmp_path), random_vectors(400, seed=4)), random_vectors(60, seed=5)
    store.upsert([image_row(1000 + number, *vectors[number]) for number in range(3)], [])
    first = load_coded(store, "cpu")
    kept = first.rows.clone()
    mixed = request_of(store, 0.3)
    assert [len(find_rows(first, [mixed])[0]) >= 25 for _ in range(3)] == [True] * 3
    (before,) = first.mixed_codes.values()
    store.delete([image_row(number, *vectors[0]).image_id for number in (0, 7, 399)])
    store.upsert([image_row(number, *vectors[number]) for number in range(20, 30)], [])  # replaced
    store.upsert([image_row(500 + number, *vectors[number] * 3) for number in range(40)], [])  # new, off the grid
    read: list[int] = []
    take = Store.take_rows

    def taken(self: Store, row_ids: npt.NDArray[np.uint64], columns: tuple[str, ...]) -> pa.Table:
        read.append(len(row_ids))
        return take(self, row_ids, columns)

    monkeypatch.setattr(Store, "take_rows", taken)
    now = refreshed(first, store)
    assert now is not None
    assert read == [50]
    assert (len(first), len(now), len(now.dead)) == (403, 440, 13)
    live = np.setdiff1d(np.arange(len(now.image_ids)), now.dead)
    loaded = load_matrix(store, "cpu")
    assert rows_by_id(now, live) == rows_by_id(loaded, np.arange(440))
    ids = [dict(zip(each.image_ids.to_pylist(), each.row_ids.tolist(), strict=True)) for each in (now, loaded)]
    assert {image_id: ids[0][image_id] for image_id in ids[1]} == ids[1]
    assert now.longest == pytest.approx(loaded.longest, rel=0.01)
    assert now.version == loaded.version
    assert torch.equal(first.rows, kept)  # whoever still scans it sees what was there
    (after,) = now.mixed_codes.values()
    assert (len(before.values), len(after.values)) == (403, 453)  # type: ignore[union-attr]
    again = refreshed(now, store)
    assert again is not None
    assert torch.equal(again.rows, now.rows)
    for each in (now, load_coded(store, "cpu")):
        for gamma, where in ((0.0, None), (0.3, None), (0.3, "width > 300")):
            logical = logical_query([0.4, 0, 0.3, 0.2, 0], gamma, 25, where)
            plan = build_plan(logical, 440, Facts(forced="resident"))
            executed = run_plan(plan, store, "cpu", Resident(lambda *_, each=each: each))  # type: ignore[misc]
            ranking = rerank(executed.plan, executed.candidates)
            found = list(zip(ranking.image_ids, ranking.scores.tolist(), strict=True))
            assert_exact(found, brute_force(store, logical), 25)


def request_of(store: Store, gamma: float) -> Request:
    logical = logical_query([0.4, 0, 0.3, 0.2, 0], gamma, 25, None)
    plan = build_plan(logical, store.count(), Facts(forced="resident"))
    return Request(plan.source.terms, plan.source.columns, plan.k)


def rows_by_id(matrix: ResidentMatrix, rows: npt.NDArray[np.int64]) -> dict[str, bytes]:
    return {matrix.image_ids[row].as_py(): matrix.rows[row].numpy().tobytes() for row in rows.tolist()}


def test_a_table_that_was_compacted_or_changed_a_lot_is_loaded_anew(tmp_path: Path) -> None:
    store = fill(new_store(tmp_path), random_vectors(400, seed=4))
    first = load_matrix(store, "cpu")
    store.delete([image_row(number, *random_vectors(1, seed=1)[0]).image_id for number in range(90)])
    assert len(refreshed(first, store) or ()) == 310
    store.delete([image_row(number, *random_vectors(1, seed=1)[0]).image_id for number in range(90, 110)])
    assert refreshed(first, store) is None
    second = load_matrix(store, "cpu")
    store.optimize(keep=timedelta(0))
    assert refreshed(second, store) is None
    third = load_matrix(store, "cpu")
    fill(store, random_vectors(2000, seed=6))
    assert refreshed(third, store) is None  # no memory was set aside for so many


def test_every_search_sees_the_table_as_it_is(filled: SearchContext) -> None:
    context = replace(filled, strategy="resident")
    best = search(QUERY, context)[0].image_id
    context.store.delete([best])
    assert best not in {hit.image_id for hit in search(replace(QUERY, k=100), context)}


def test_the_plan_says_that_the_rows_do_not_fit_the_budget(filled: SearchContext) -> None:
    context = replace(filled, resident_mb=0)
    search(QUERY, context)
    told = "fused: 60 rows need 1 MB, the budget is 0 MB"
    assert told in format_plan(search(QUERY, context).plan)
    assert not context.resident.refresh(context.store, context.store.version)


def test_cvsi_resident_mb_sets_the_budget() -> None:
    assert memory_budget({}) == BUDGET_MB
    assert memory_budget({"CVSI_RESIDENT_MB": "300"}) == 300
    with pytest.raises(UsageError, match="CVSI_RESIDENT_MB is 'much': give a whole number of megabytes"):
        memory_budget({"CVSI_RESIDENT_MB": "much"})


def test_a_batch_counts_as_many_searches(filled: SearchContext) -> None:
    assert gather_facts(filled).searches == 0
    assert gather_facts(filled, batch=5).searches == 4
    search(QUERY, filled)
    assert gather_facts(filled).searches == 1


# --- threads --------------------------------------------------------------------------------------------------------


def test_threads_that_ask_at_once_load_once_and_get_the_same_matrix(big_store: Store) -> None:
    loads: list[ResidentMatrix] = []
    together = Barrier(6)

    def load(store: Store, device: str) -> ResidentMatrix:
        loads.append(load_matrix(store, device))
        return loads[-1]

    def ask(_: int) -> ResidentMatrix:
        together.wait()
        return resident.matrix(big_store, "cpu")

    resident = Resident(load)
    with ThreadPoolExecutor(6) as pool:
        given = list(pool.map(ask, range(6)))
    assert len(loads) == 1
    assert all(each is loads[0] for each in given)


def test_threads_search_one_context(filled: SearchContext) -> None:
    expected = [hit.image_id for hit in search(QUERY, filled)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: [hit.image_id for hit in search(QUERY, filled)], range(12)))
    assert found == [expected] * 12


# --- many -----------------------------------------------------------------------------------------------------------


def test_many_searches_give_what_single_ones_give(filled: SearchContext) -> None:
    queries = [
        replace(QUERY, edit_text=text, k=k, where=where, rank=rank)
        for text in ("with a hat", "at night")
        for k in (1, 100)
        for where in (None, "width > 120", "width < 0")
        for rank in (None, "edited_captions - 0.5*image")
    ]
    many = search_many(queries, filled)
    assert {each.plan.strategy for each in many} == {"resident"}
    for query, result in zip(queries, many, strict=True):
        single = search(query, replace(filled, resident=Resident(), strategy="branches"))
        assert list(result) == list(single)
        assert result.warnings == single.warnings
        assert result.timings_ms.keys() == single.timings_ms.keys()


def test_search_many_of_no_query_and_of_one(filled: SearchContext) -> None:
    assert search_many([], filled) == []
    (one,) = search_many([QUERY], filled)
    assert one.plan.strategy == "fused"
    assert list(one) == list(search(QUERY, filled))


# --- the proof ------------------------------------------------------------------------------------------------------


def crowded(count: int, spread: float) -> ResidentMatrix:
    """Rows of width 512 so near to each other that float16 scores cannot tell most of them apart."""
    halves, longest = crowded_rows(count, spread)
    return ResidentMatrix(1, np.arange(count), torch.from_numpy(halves.copy()), longest)  # type: ignore[arg-type]


@cache
def crowded_rows(count: int, spread: float) -> tuple[npt.NDArray[np.float16], tuple[float, float]]:
    rng = np.random.default_rng(3)
    rows = rng.standard_normal(1024) + spread * rng.standard_normal((count, 1024))
    halves = rows.reshape(count, 2, 512)
    halves = (halves / np.linalg.norm(halves, axis=2, keepdims=True)).astype(np.float16)
    return halves.reshape(count, 1024), tuple(np.linalg.norm(halves.astype(np.float64), axis=2).max(axis=0).tolist())


def requests(
    count: int, resident: ResidentMatrix, k: int, gamma: float = 0.3, unit_captions: bool = False
) -> list[Request]:
    rng = np.random.default_rng(9)
    columns = (Column("image_vector", 1 - gamma), Column("caption_vector", gamma, unit_captions))
    towards = resident.rows[0, :512].float().numpy()
    vectors = [(towards + 0.02 * rng.standard_normal(512)).astype(np.float32) for _ in range(count)]
    others = rng.standard_normal((count, 512)).astype(np.float32) / np.float32(22)
    terms = [(Term("image", a, 0.8), Term("objects", b, -0.3)) for a, b in zip(vectors, others, strict=True)]
    return [Request(each, columns, k) for each in terms]


def best_rows(resident: ResidentMatrix, asked: Sequence[Request]) -> list[set[int]]:
    """For each request the rows that score at least as high as its k-th best, in float64, among those allowed."""
    rows = resident.rows.double().numpy().reshape(-1, 2, 512)
    queries = np.stack([sum(term.weight * term.vector.astype(np.float64) for term in each.terms) for each in asked])
    images, captions = rows[:, 0] @ queries.T, rows[:, 1] @ queries.T
    lengths = np.linalg.norm(rows[:, 1], axis=1)
    best = []
    for number, request in enumerate(asked):
        of_captions = (
            captions[:, number] / np.where(lengths > 0, lengths, 1) if any(request.unit) else captions[:, number]
        )
        scores = images[:, number] * request.mix[0] + of_captions * request.mix[1]
        if request.allows is not None:
            scores[~request.allows] = -np.inf
        scores[resident.dead] = -np.inf
        least = np.sort(scores)[-min(request.k, len(scores))]
        best.append(set(np.flatnonzero((scores >= least) & (scores > -np.inf)).tolist()))
    return best


@pytest.mark.parametrize("count", [1, exact_scan.BATCH_FROM])
@pytest.mark.parametrize("kind", ["bfloat16", "no bfloat16", "device", "codes"])
@pytest.mark.parametrize("spread", [0.0, 1e-4, 0.02, 3.0])
@pytest.mark.parametrize("unit_captions", [False, True])
def test_the_rows_in_question_hold_the_best(
    count: int, kind: str, spread: float, unit_captions: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exact_scan, "_has_bfloat16", lambda: kind == "bfloat16")
    monkeypatch.setattr(exact_scan, "DEVICE_ROWS", 3000)
    resident = crowded(5000, spread)
    if unit_captions:  # captions of very different lengths, some of none
        resident.rows[:, 512:] *= torch.linspace(0.2, 1, 5000).half()[
            torch.randperm(5000, generator=torch.Generator().manual_seed(1)), None
        ]
        resident.rows[::50, 512:] = 0
    if kind == "device":  # where rows are float32
        resident = replace(resident, rows=resident.rows.float())
    if kind == "codes":
        resident = replace(resident, codes=encode(resident.rows, np.empty((5000, 1024), np.int8), 2))
    asked = requests(count, resident, k=20, unit_captions=unit_captions)
    for best, found in zip(best_rows(resident, asked), find_rows(resident, asked), strict=True):
        assert best <= set(found.tolist())
        assert len(set(found.tolist())) == len(found)
        if spread == 3.0:
            assert len(found) < 400


@pytest.mark.parametrize("scores", [1, 2**14, 2**23])
@pytest.mark.parametrize("coded", ["", "alone", "together", "mixed"])
def test_passes_mixes_filters_and_sizes_keep_the_best(scores: int, coded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several passes, the last one no whole group; two mixes in one batch; filters; more asked for than there is; rows
    that are no longer in the table."""
    monkeypatch.setattr(exact_scan, "PASS_SCORES", scores)
    monkeypatch.setattr(int8_scan, "PASS_SCORES", scores)
    monkeypatch.setattr(int8_scan, "BLOCK_ROWS", 512)
    monkeypatch.setattr(int8_scan, "MANY_BLOCK_ROWS", 512)
    resident, rng = crowded(4999, 0.5), np.random.default_rng(2)
    resident.rows[1000:1040] = resident.rows[2500]  # neighbours alike
    masks = [rng.random(4999) < share for share in (0.5, 0.002, 0.0)]
    sizes = [1, 1, 7, 30, 40, 3, 5000, 6000]
    first = [replace(each, k=k) for each, k in zip(requests(8, resident, 5), sizes, strict=True)]
    second = [replace(each, allows=masks[n % 3]) for n, each in enumerate(requests(7, resident, 9, gamma=0.9))]
    alone = requests(1, resident, 4, gamma=1.0)
    unit = requests(2, resident, 4, gamma=0.9, unit_captions=True)
    asked = [*first, *second, *alone, *unit]
    if coded:
        codes = encode(resident.rows, np.empty((4999, 1024), np.int8), 2)
        resident = replace(resident, codes=replace(codes, serve_many=coded != "alone"))
        monkeypatch.setattr(exact_scan, "MIXED_TO", 10**6 if coded == "mixed" else 0)
    dead = np.array([0, 17, 1005, 4998])
    resident = replace(resident, dead=dead)
    given = find_rows(resident, asked)
    if coded == "mixed":
        monkeypatch.setattr(exact_scan, "APART_FROM", 2)
        given = find_rows(resident, asked)
    assert [codes and codes.mix for codes in resident.mixed_codes.values()] == [asked[0].mix] * (coded == "mixed")
    if coded == "alone":
        given = [rows for request in asked for rows in find_rows(resident, [request])]
    for request, best, found in zip(asked, best_rows(resident, asked), given, strict=True):
        assert best <= set(found.tolist())
        assert len(set(found.tolist())) == len(found)
        assert request.allows is None or request.allows[found].all()
        assert not set(found.tolist()) & set(dead.tolist())


@pytest.mark.parametrize(("devices", "shares"), [(2, [800, 700]), (5, [400, 400, 400, 300])])
def test_rows_that_several_devices_share_give_what_those_of_one_give(
    devices: int, shares: list[int], big_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resident_matrix, "BATCH_ROWS", 400)
    one = load_matrix(big_store, "cpu")
    monkeypatch.setattr(resident_matrix, "_devices", lambda _: ["cpu"] * devices)
    resident = load_matrix(big_store, "cpu")
    assert [len(part) for part in resident.parts] == shares  # whole batches, and none without rows
    assert resident.image_ids.to_pylist() == one.image_ids.to_pylist()
    assert resident.longest == pytest.approx(one.longest)
    assert np.array_equal(resident.unit_scales, one.unit_scales)
    assert refreshed(resident, big_store) is None
    for gamma, where, unit_captions in ((0.0, None, False), (0.3, "width > 300", False), (0.3, None, True)):
        logical = logical_query([0.4, 0, 0.3, 0.2, 0], gamma, 25, where, unit_captions=unit_captions)
        plan = build_plan(logical, 1500, Facts(forced="resident"))
        rankings = []
        for each in (one, resident):
            executed = run_plan(plan, big_store, "cpu", Resident(lambda *_, each=each: each))  # type: ignore[misc]
            rankings.append(rerank(executed.plan, executed.candidates))
        assert rankings[0].image_ids == rankings[1].image_ids
        assert np.array_equal(rankings[0].scores, rankings[1].scores)


# --- the codes ------------------------------------------------------------------------------------------------------


def test_codes_leave_few_rows_in_question_and_read_only_the_columns_that_count() -> None:
    resident = crowded(20_000, 3.0)
    codes = encode(resident.rows, np.empty((20_000, 1024), np.int8), 2)
    asked = requests(3, resident, k=20, gamma=0.0)
    queries = np.stack([np.array(request.mix)[:, None] * request.vector for request in asked])
    spoiled = replace(codes, values=codes.values.copy())
    spoiled.values[:, 512:] = 0

    def found_by(codes: int8_scan.Codes, queries: npt.NDArray[np.float64]) -> list[npt.NDArray[np.int64]] | None:
        count = len(queries)
        return find_by_codes(codes, queries, np.full(count, 20), np.zeros(count), [None] * count, np.empty(0, np.int64))

    together = found_by(codes, queries)
    assert together is not None
    for number, best in enumerate(best_rows(resident, asked)):
        assert best <= set(together[number].tolist())
        assert len(together[number]) < 200  # of 20,000, for 20
        for each in (codes, spoiled):
            (alone,) = found_by(each, queries[number : number + 1]) or ()
            assert best <= set(alone.tolist())
    assert found_by(codes, 0 * queries) is None


def test_codes_of_later_rows_lie_on_the_same_grid_and_say_how_far_off_they_are() -> None:
    rows = crowded(9192, 1.0).rows
    memory = np.empty((9192, 1024), np.int8)
    codes = encode(rows[:8192], memory, 2)
    near, far = append(codes, rows[8192:]), append(replace(codes, memory=memory.copy()), 5 * rows[8192:])
    assert np.array_equal(near.values[:8192], codes.values)
    left = rows.numpy().astype(np.float64) - near.centre - near.values * near.step.astype(np.float64)
    assert (np.linalg.norm(left.reshape(9192, 2, 512), axis=2).max(axis=0) <= near.residuals).all()
    assert (near.residuals <= codes.allowed).all()  # rows like the first need no new grid
    assert (far.residuals > codes.allowed).all()


def test_what_is_faster_on_a_machine_is_tried_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = [True, True, True, False]
    monkeypatch.setattr(int8_scan, "_try_codes", lambda *_: tried.pop())
    assert codes_are_faster(64, tmp_path) == (False, True)
    assert codes_are_faster(64, tmp_path) == (False, True)
    (tmp_path / "scan.json").write_text("{ half a file")
    assert codes_are_faster(64, tmp_path) == (True, True)
    assert tried == []


def test_both_products_can_be_tried() -> None:
    assert {int8_scan._try_codes(64, count, 500) for count in (1, 3)} <= {True, False}
