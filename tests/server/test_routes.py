"""Every route: what it gives is what the library and the command line give."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from cvsi_db import Gallery
from cvsi_db.records import TERM_NAMES
from cvsi_db.search.present.json import to_json
from cvsi_db.server import schemas
from tests.server.conftest import HOSTILE, SAMPLES, Search, serving

CAT = "red-cat-beach"


def ranked(answer: dict[str, Any]) -> list[tuple[str, float]]:
    return [(hit["image_id"], pytest.approx(hit["score"], abs=1e-6)) for hit in answer["hits"]]


def test_an_answer_is_the_document_of_the_command_line_and_more(
    gallery: Gallery, photos: Path, search: Search, image_ids: dict[str, str]
) -> None:
    cat = str(photos / "cats" / f"{CAT}.png")
    document = to_json(gallery.search(cat, "with a hat", k=3))
    answer = search(reference=image_ids[CAT], edit_text="with a hat", k=3)
    schemas.SearchAnswer.model_validate(answer)
    own = schemas.SearchDocument.model_validate(json.loads(json.dumps(document)))
    assert own.model_dump(exclude_unset=True) == document
    timeless = document | {"timings_ms": 0}
    assert {name: answer[name] for name in document} | {"timings_ms": 0} == timeless
    assert answer["reference"] == {"image_id": image_ids[CAT], "in_gallery": True}
    assert answer["pool"] is None
    best = answer["images"][answer["hits"][0]["image_id"]]
    assert (best["width"], best["folder"]) == (448, "cats")
    assert best["captions"] == [best["name"].removesuffix(".png").replace("-", " ")]


def test_a_reference_is_an_id_a_path_or_an_upload(
    http: httpx.Client, photos: Path, search: Search, image_ids: dict[str, str]
) -> None:
    cat = photos / "cats" / f"{CAT}.png"
    by_id = search(reference=image_ids[CAT], edit_text="with a hat", k=4)
    assert ranked(search(reference=str(cat), edit_text="with a hat", k=4)) == ranked(by_id)
    given = {"query": (None, json.dumps({"edit_text": "with a hat", "k": 4}))}
    uploaded = http.post("/api/search", files={**given, "reference": ("x", cat.read_bytes())}).json()
    assert ranked(uploaded) == ranked(by_id)
    assert uploaded["reference"] == {"image_id": image_ids[CAT], "in_gallery": True}


def test_an_upload_is_named_by_its_id_from_then_on(http: httpx.Client, search: Search) -> None:
    file = (SAMPLES / "blue-penguin-harbour-duck.png").read_bytes()
    first = http.post("/api/search", files={"reference": ("../../x.png", file)}).json()
    image_id = hashlib.sha256(file).hexdigest()
    assert first["reference"] == {"image_id": image_id, "in_gallery": False}
    assert ranked(search(reference=image_id)) == ranked(first)
    assert http.get(f"/api/images/{image_id}/thumbnail").headers["content-type"] == "image/webp"
    assert http.get(f"/api/images/{image_id}/original").status_code == 404
    liked = {"liked": ("a.png", file), "query": (None, '{"edit_text": "a cat", "k": 2}')}
    assert http.post("/api/search", files=liked).json()["query"]["liked"] == ["<image>"]


def test_pages_cut_offs_and_filters_hold(photos: Path, search: Search, image_ids: dict[str, str]) -> None:
    whole = search(edit_text="a cat", k=8)
    assert ranked(search(edit_text="a cat", k=3, offset=5)) == ranked(whole)[5:]
    assert search(edit_text="a cat", k=3, min_score=10)["hits"] == []
    frogs = search(edit_text="a cat", k=100, folder=str(photos / "frogs"))
    assert {Path(hit["path"]).parent.name for hit in frogs["hits"]} == {"frogs"}
    matching = search(match="red cat", k=100, where="width > 10")
    assert matching["hits"]
    assert all({"red", "cat"} <= set(Path(hit["path"]).stem.split("-")) for hit in matching["hits"])
    tagged = search(edit_text="a cat", tag=[HOSTILE], where="width > 10")
    assert [hit["path"] for hit in tagged["hits"]] == [str(photos / "cats" / f"{HOSTILE}.png")]


def test_the_pool_holds_what_other_weights_need(http: httpx.Client, search: Search, image_ids: dict[str, str]) -> None:
    answer = search(reference=image_ids[CAT], edit_text="with a hat", k=5, pool=100)
    pool = answer["pool"]
    assert (pool["complete"], len(pool["images"])) == (True, len(image_ids) - 1)
    assert set(pool["terms"]) <= set(TERM_NAMES)
    weights = {name: 0.1 * (1 + place) for place, name in enumerate(pool["terms"])}
    slid = sorted(
        (
            -sum(weights[name] * near for name, near in zip(pool["terms"], image["similarities"], strict=True)),
            image["image_id"],
        )
        for image in pool["images"]
    )
    reranked = http.post("/api/rerank", json={"result": pool["result"], "weights": weights, "k": 9}).json()
    schemas.SearchAnswer.model_validate(reranked)
    assert [(hit["image_id"], pytest.approx(hit["score"], abs=1e-4)) for hit in reranked["hits"]] == [
        (image_id, -score) for score, image_id in slid[:9]
    ]
    preset = answer["query"]["preset"]
    exact = search(reference=image_ids[CAT], edit_text="with a hat", k=9, rank=weights, preset=preset)
    assert [(hit["image_id"], pytest.approx(hit["score"], abs=1e-4)) for hit in exact["hits"]] == [
        (image_id, -score) for score, image_id in slid[:9]
    ]
    gone = http.post("/api/rerank", json={"result": "none", "weights": weights})
    assert (gone.status_code, gone.json()["field"]) == (404, "result")


def test_edited_captions_come_back_corrected(search: Search, image_ids: dict[str, str]) -> None:
    first = search(reference=image_ids[CAT], edit_text="with a hat")
    assert first["query"]["rewriter"].startswith("rules")
    again = search(
        reference=image_ids[CAT],
        edit_text="with a hat",
        edited_captions=["a red cat in a top hat on the beach"],
        added_objects="a top hat",
    )
    asked = again["query"]
    assert (asked["edited_captions"], asked["added_objects"]) == (["a red cat in a top hat on the beach"], "a top hat")
    assert asked["rewriter"] == "given"
    assert ranked(again) != ranked(first)


def test_a_batch_is_answered_in_order_and_an_error_names_its_query(
    http: httpx.Client, search: Search, image_ids: dict[str, str]
) -> None:
    queries: list[dict[str, Any]] = [{"edit_text": "a frog"}, {"reference": image_ids[CAT], "k": 2}]
    answer = http.post("/api/batch", json={"queries": queries, "defaults": {"k": 4}}).json()
    schemas.BatchAnswer.model_validate(answer)
    frogs, cats = answer["results"]
    assert (ranked(frogs), ranked(cats)) == (
        ranked(search(edit_text="a frog", k=4)),
        ranked(search(reference=image_ids[CAT], k=2)),
    )
    for wrong, field in (
        ({"k": 0}, "queries.1.k"),
        ({}, "queries.1"),
        ({"reference": "0" * 64}, "queries.1.reference"),
    ):
        refused = http.post("/api/batch", json={"queries": [queries[0], wrong]})
        assert refused.json()["field"] == field, refused.text


def test_explain_tells_what_the_command_line_tells(http: httpx.Client, image_ids: dict[str, str]) -> None:
    query = {"reference": image_ids[CAT], "edit_text": "with a hat"}
    answer = http.post("/api/explain", json=query).json()
    schemas.ExplainAnswer.model_validate(answer)
    assert "branch edited_captions" in answer["text"]
    assert "ResidentScan" in answer["text"]
    analyzed = http.post("/api/explain?analyze=true", json=query).json()
    assert "* ranks the hit highest" in analyzed["text"]


def test_sql_reads_the_gallery_and_no_other_file(http: httpx.Client, photos: Path, image_ids: dict[str, str]) -> None:
    def sql(text: str, **parameters: Any) -> httpx.Response:
        return http.post("/api/sql", json={"sql": text, "parameters": parameters})

    counted = sql("SELECT folder, count(*) AS n FROM images GROUP BY folder ORDER BY folder").json()
    schemas.SqlAnswer.model_validate(counted)
    assert counted["columns"] == ["folder", "n"]
    assert dict(counted["rows"])["cats"] == len(list((photos / "cats").iterdir()))
    found = "SELECT image_id, score FROM compose(:ref, 'with a hat') LIMIT 2"
    by_id, by_path = sql(found, ref=image_ids[CAT]), sql(found, ref=str(photos / "cats" / f"{CAT}.png"))
    assert by_id.json()["rows"] == by_path.json()["rows"]
    assert sql("SELECT modified_at FROM images LIMIT 1").json()["rows"][0][0][10] == "T"
    for place in ("/etc/passwd", "../../etc/passwd", str(SAMPLES / "blue-penguin-harbour-duck.png")):
        refused = sql(f"SELECT path FROM compose('{place}', 'a hat')")
        assert (refused.status_code, refused.json()["kind"]) == (404, "not_found")
    assert sql("DELETE FROM images").json()["kind"] == "SqlError"
    assert sql("SELECT read_text('/etc/passwd')").status_code == 422


def test_images_are_listed_as_the_command_line_lists_them(
    http: httpx.Client, gallery: Gallery, image_ids: dict[str, str]
) -> None:
    answer = http.get("/api/images", params={"limit": 2, "offset": 1, "where": "width > 400"}).json()
    schemas.ImagesAnswer.model_validate(answer)
    rows = gallery.images("width > 400")
    assert answer["total"] == len(rows)
    assert [image["path"] for image in answer["images"]] == [row["path"] for row in rows[1:3]]
    one = http.get(f"/api/images/{image_ids[CAT]}").json()
    schemas.ImageDocument.model_validate(one)
    assert one["modified_at"] == next(iter(gallery.images(f"image_id = '{image_ids[CAT]}'")))["modified_at"].isoformat()
    assert http.get("/api/images", params={"colour": "red"}).json()["field"] == "colour"
    assert http.get(f"/api/images/{'0' * 64}").status_code == 404


def test_facets_and_stats_are_the_gallerys(http: httpx.Client, gallery: Gallery, photos: Path) -> None:
    answer = http.get("/api/facets", params={"folder": str(photos / "frogs")}).json()
    schemas.FacetsDocument.model_validate(answer)
    assert answer == gallery.facets(folder=photos / "frogs", limit=60)
    assert answer["folders"] == [{"value": str(photos / "frogs"), "count": answer["images"]}]
    cats = http.get("/api/facets", params={"match": '"red cat"'}).json()
    assert (cats["images"], cats) == (gallery.count(match='"red cat"'), gallery.facets(match='"red cat"', limit=60))
    assert http.get("/api/images", params={"match": '"red cat"', "limit": 1}).json()["total"] == cats["images"] > 0
    assert http.get("/api/images", params={"match": "?!"}).json()["kind"] == "QueryError"
    assert http.get("/api/facets", params={"folder": "s3://bucket/photos"}).json()["images"] == 0
    assert http.get("/api/facets").json()["tags"] == [{"value": HOSTILE, "count": 1}]
    assert http.get("/api/facets", params={"folder": "./frogs"}).json()["kind"] == "QueryError"
    assert http.get("/api/stats").json()["images"] == len(gallery)


def test_thumbnails_are_small_upright_and_bare(http: httpx.Client, image_ids: dict[str, str]) -> None:
    address = f"/api/images/{image_ids[CAT]}/thumbnail"
    for size, form in ((160, "webp"), (320, "jpeg")):
        answer = http.get(address, params={"size": size, "format": form})
        picture = Image.open(io.BytesIO(answer.content))
        assert (max(picture.size), picture.format) == (size, form.upper())
        assert "immutable" in answer.headers["cache-control"]
        again = http.get(
            address, params={"size": size, "format": form}, headers={"If-None-Match": answer.headers["etag"]}
        )
        assert again.status_code == 304
    assert http.get(address, params={"size": 100}).json()["field"] == "size"
    assert http.get(address, params={"format": "svg"}).json()["field"] == "format"


def test_an_original_is_the_files_bytes_or_a_range_of_them(
    http: httpx.Client, photos: Path, image_ids: dict[str, str]
) -> None:
    address, data = f"/api/images/{image_ids[CAT]}/original", (photos / "cats" / f"{CAT}.png").read_bytes()

    def get(**headers: str) -> httpx.Response:
        return http.get(address, headers={name.replace("_", "-"): value for name, value in headers.items()})

    whole = get()
    assert (whole.content, whole.headers["content-type"]) == (data, "image/png")
    assert whole.headers["content-disposition"] == f"inline; filename*=UTF-8''{CAT}.png"
    assert "sandbox" in whole.headers["content-security-policy"]
    assert http.get(address, params={"download": "1"}).headers["content-disposition"].startswith("attachment")
    assert get(if_none_match=whole.headers["etag"]).status_code == 304
    for asked, part in (("bytes=10-19", data[10:20]), ("bytes=-7", data[-7:]), ("bytes=100-", data[100:])):
        found = get(range=asked)
        assert (found.status_code, found.content) == (206, part)
    assert get(range="bytes=10-19").headers["content-range"] == f"bytes 10-19/{len(data)}"
    assert get(range="bytes=10-19", if_range='"other"').content == data
    beyond = get(range=f"bytes={len(data)}-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(data)}")
    assert get(range="bytes=5-1").content == get(range="lines=1-2").content == data


def test_about_says_what_a_request_may_say(http: httpx.Client, gallery: Gallery) -> None:
    about = http.get("/api/about").json()
    schemas.AboutDocument.model_validate(about)
    assert (about["images"], about["uncaptioned"], about["preset"]) == (len(gallery), 0, "default")
    assert {term["name"] for term in about["terms"]} == set(TERM_NAMES)
    assert about["ingest"] is False


def test_the_page_its_files_the_schema_and_the_metrics_are_there(http: httpx.Client) -> None:
    page = http.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert http.get("/static/index.html").text == page.text
    schema = http.get("/api/openapi.json").json()
    assert "edit_text" in schema["components"]["schemas"]["SearchRequest"]["properties"]
    assert http.get("/api/health").json() == {"status": "ok"}
    assert 'cvsi_requests_total{route="/api/health",status="200"}' in http.get("/metrics").text


@pytest.mark.parametrize(
    ("body", "status", "kind", "field"),
    [
        ("{", 400, "bad_request", None),
        ("[" * 100_000, 400, "bad_request", None),
        ("{}", 422, "QueryError", None),
        ('{"colour": "red"}', 422, "invalid", "colour"),
        ('{"k": "3"}', 422, "invalid", "k"),
        ('{"k": 1001}', 422, "invalid", "k"),
        ('{"edit_text": "a", "rank": {"colour": 1}}', 422, "invalid", "rank"),
        ('{"edit_text": "a", "rank": "0.5*colour"}', 422, "RankError", None),
        ('{"edit_text": "a", "where": "colour = 1"}', 422, "FilterError", None),
        ('{"edit_text": "a", "after": "never"}', 422, "QueryError", None),
        ('{"edit_text": "a", "folder": "../x"}', 422, "QueryError", None),
        ('{"reference": "https://example.org/a.png"}', 404, "not_found", "reference"),
        ('{"reference": "/etc/passwd"}', 404, "not_found", "reference"),
        ('{"reference": "a\\u0000b"}', 404, "not_found", "reference"),
        ('{"edit_text": "a", "liked": ["nope.png"]}', 404, "not_found", "liked"),
    ],
)
def test_a_request_that_makes_no_sense_is_told_what_is_wrong(
    http: httpx.Client, body: str, status: int, kind: str, field: str | None
) -> None:
    answer = http.post("/api/search", content=body, headers={"Content-Type": "application/json"})
    told = answer.json()
    schemas.ErrorDocument.model_validate(told)
    assert (answer.status_code, told["kind"], told["field"]) == (status, kind, field), told
    assert "Traceback" not in answer.text


def test_ingest_is_refused_unless_it_was_allowed(http: httpx.Client) -> None:
    refused = http.post("/api/ingest", json={"paths": ["/"]})
    assert (refused.status_code, refused.json()["kind"]) == (403, "forbidden")
    assert http.get("/api/ingest").json()["state"] == "none"


def test_a_thumbnail_stands_in_for_a_file_that_is_gone_and_is_not_kept_for_ever(tmp_path: Path) -> None:
    file, away = tmp_path / "photos" / "large.png", tmp_path / "away.png"
    file.parent.mkdir()
    Image.new("RGB", (900, 600), "teal").save(file)
    with Gallery.create(tmp_path / "db", model="starter", device="cpu") as gallery:
        gallery.ingest(file.parent, caption=False)
        (image,) = gallery.images(columns=["image_id"])
        ask = f"/api/images/{image['image_id']}/thumbnail?size=640"
        with serving(gallery) as url, httpx.Client(base_url=url, timeout=60) as http:
            file.rename(away)
            small = http.get(ask)
            assert (small.status_code, small.headers["cache-control"]) == (200, "no-store")
            assert max(Image.open(io.BytesIO(small.content)).size) <= 320
            away.rename(file)
            whole = http.get(ask)
            assert "immutable" in whole.headers["cache-control"]
            assert Image.open(io.BytesIO(whole.content)).size == (640, 427)
