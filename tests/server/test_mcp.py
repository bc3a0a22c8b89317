"""Every tool, driven by the official client, over stdio and over HTTP."""

from __future__ import annotations

import asyncio
import base64
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import mcp_types as types
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError
from PIL import Image

from cvsi_db import Gallery
from cvsi_db.server import mcp, schemas
from cvsi_db.server.app import ServeSettings
from tests.processes import COMMAND
from tests.server.conftest import HOSTILE, SAMPLES, Search, serving

CAT = "red-cat-beach"
DOCUMENTS = {
    "search": schemas.SearchAnswer,
    "describe_image": schemas.ImageDocument,
    "sql": schemas.SqlAnswer,
    "facets": schemas.FacetsDocument,
    "stats": schemas.StatsDocument,
}

Calls = dict[str, tuple[str, dict[str, Any]]]


@dataclass
class Talk:
    """What a client was told, by the names of its calls."""

    instructions: str | None = None
    tools: dict[str, types.Tool] = field(default_factory=dict)
    answers: dict[str, types.CallToolResult] = field(default_factory=dict)
    strange: list[Any] = field(default_factory=list)
    stderr: str = ""

    def document(self, call: str) -> dict[str, Any]:
        answer = self.answers[call]
        assert not answer.is_error, answer.content
        found: dict[str, Any] = answer.structured_content
        return found

    def error(self, call: str) -> str:
        answer = self.answers[call]
        assert answer.is_error
        assert answer.structured_content is None
        [content] = answer.content
        assert isinstance(content, types.TextContent)
        return content.text


async def talk(target: Any, calls: Calls, mode: str = "auto") -> Talk:
    told = Talk()

    async def on_message(message: Any) -> None:
        told.strange.append(message)

    async with Client(target, mode=mode, message_handler=on_message) as client:
        told.instructions = client.instructions
        told.tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        for name, (tool, arguments) in calls.items():
            told.answers[name] = await client.call_tool(tool, arguments)
    return told


@pytest.fixture(scope="session")
def calls(photos: Path, image_ids: dict[str, str]) -> Calls:
    cat, edit = photos / "cats" / f"{CAT}.png", {"edit_text": "with a hat", "k": 3}
    encoded = base64.b64encode(cat.read_bytes()).decode()
    duck = base64.b64encode((SAMPLES / "blue-penguin-harbour-duck.png").read_bytes()).decode()
    return {
        "by id": ("search", {"reference": image_ids[CAT], **edit, "thumbnails": 2}),
        "by path": ("search", {"reference": str(cat), **edit, "thumbnails": 0}),
        "by bytes": ("search", {"reference_base64": f"data:image/png;base64,{encoded}", **edit, "thumbnails": 0}),
        "next page": ("search", {"reference": image_ids[CAT], **edit, "offset": 2, "thumbnails": 0}),
        "examples": (
            "search",
            {"liked": image_ids[CAT], "negative": "a beach", "where": "folder = 'frogs'", "k": 2, "thumbnails": 1},
        ),
        "unlike": ("search", {"edit_text": "a cat", "unliked": [image_ids[CAT]], "folder": str(photos), "k": 1}),
        "stranger": ("search", {"reference_base64": duck, "k": 1}),
        "describe": ("describe_image", {"image": image_ids[CAT], "size": 160}),
        "hostile": ("describe_image", {"image": image_ids[HOSTILE]}),
        "sql": ("sql", {"sql": "SELECT folder, count(*) AS n FROM images GROUP BY folder ORDER BY folder"}),
        "hits": (
            "sql",
            {"sql": "SELECT path FROM compose(:ref, 'with a hat') LIMIT 3", "parameters": {"ref": image_ids[CAT]}},
        ),
        "facets": ("facets", {"folder": str(photos / "cats"), "limit": 2}),
        "match": ("search", {"match": "red cat", "k": 50, "thumbnails": 0}),
        "matching facets": ("facets", {"match": "red cat"}),
        "stats": ("stats", {}),
    }


def over_stdio(gallery: Gallery, calls: Calls, errors: Path) -> Talk:
    """The calls by a client of an older version, which shakes hands first, to a process of its own."""
    started = StdioServerParameters(
        command=COMMAND, args=["mcp", "--db", str(gallery.folder), "--device", "cpu"], env={"OMP_NUM_THREADS": "1"}
    )
    with errors.open("w") as stderr:
        found = asyncio.run(talk(stdio_client(started, stderr), calls, "legacy"))
    found.stderr = errors.read_text()
    return found


@pytest.fixture(scope="session", params=["http", pytest.param("stdio", marks=pytest.mark.slow)])
def told(
    request: pytest.FixtureRequest, gallery: Gallery, url: str, calls: Calls, tmp_path_factory: pytest.TempPathFactory
) -> Talk:
    """All calls by one client of each transport."""
    if request.param == "http":
        return asyncio.run(talk(f"{url}mcp", calls))
    return over_stdio(gallery, calls, tmp_path_factory.mktemp("mcp") / "stderr")


def test_a_process_answers_over_stdio(gallery: Gallery, tmp_path: Path) -> None:
    told = over_stdio(gallery, {"facets": ("facets", {"limit": 1})}, tmp_path / "stderr")
    assert list(told.tools) == list(DOCUMENTS)
    assert told.document("facets")["images"] == gallery.stats()["images"]
    assert told.stderr == ""


def test_every_tool_is_declared_as_one_that_reads(told: Talk) -> None:
    assert list(told.tools) == list(DOCUMENTS)
    for name, tool in told.tools.items():
        assert tool.annotations
        assert (tool.annotations.read_only_hint, tool.annotations.open_world_hint) == (True, False)
        assert tool.description
        assert tool.input_schema["additionalProperties"] is False
        assert tool.output_schema == DOCUMENTS[name].model_json_schema()
        assert f"{name}: " in str(told.instructions)
    assert "pool" not in told.tools["search"].input_schema["properties"]


def test_every_answer_is_of_the_schema_that_its_tool_declares(told: Talk, calls: Calls) -> None:
    for call, (tool, _) in calls.items():
        document = told.document(call)
        jsonschema.validate(document, told.tools[tool].output_schema or {})
        DOCUMENTS[tool].model_validate(document)
        first = told.answers[call].content[0]
        assert isinstance(first, types.TextContent)
        assert len(first.text) <= mcp.ANSWER_CHARACTERS


def test_searches_find_what_they_find_over_http(told: Talk, search: Search, image_ids: dict[str, str]) -> None:
    answer = search(reference=image_ids[CAT], edit_text="with a hat", k=4)
    expected = [(hit["image_id"], pytest.approx(hit["score"], abs=1e-6)) for hit in answer["hits"]]

    def hits(call: str) -> list[tuple[str, float]]:
        return [(hit["image_id"], hit["score"]) for hit in told.document(call)["hits"]]

    assert hits("by id") == hits("by path") == hits("by bytes") == expected[:3]
    assert told.document("next page")["hits"][0]["rank"] == 3
    assert hits("next page")[:2] == expected[2:]
    assert told.document("by bytes")["reference"] == {"image_id": image_ids[CAT], "in_gallery": True}
    assert told.document("stranger")["reference"]["in_gallery"] is False
    paths = [row[0] for row in told.document("hits")["rows"]]
    assert paths == [hit["path"] for hit in answer["hits"][:3]]
    assert {Path(hit["path"]).parent.name for hit in told.document("examples")["hits"]} == {"frogs"}
    assert told.document("examples")["query"]["negative"] == ["a beach"]
    assert image_ids[CAT] not in [hit["image_id"] for hit in told.document("unlike")["hits"]]


def test_hits_come_with_thumbnails_under_their_names(told: Talk) -> None:
    _, *shown = told.answers["by id"].content
    hits = told.document("by id")["hits"]
    assert [each.type for each in shown] == ["text", "image", "text", "image"]
    labels = [each.text for each in shown if isinstance(each, types.TextContent)]
    assert labels == [f"hit {hit['rank']}: {hit['path']}" for hit in hits[:2]]
    for each in shown:
        if isinstance(each, types.ImageContent):
            made = Image.open(io.BytesIO(base64.b64decode(each.data)))
            assert (each.mime_type, made.format, max(made.size)) == ("image/jpeg", "JPEG", 320)
    assert len(told.answers["by path"].content) == 1


def test_an_image_is_described_and_shown(told: Talk, photos: Path, image_ids: dict[str, str]) -> None:
    document = told.document("describe")
    assert (document["image_id"], document["width"]) == (image_ids[CAT], 384)
    assert document["captions"] == ["red cat beach"]
    picture = told.answers["describe"].content[-1]
    assert isinstance(picture, types.ImageContent)
    assert max(Image.open(io.BytesIO(base64.b64decode(picture.data))).size) == 160
    assert told.document("hostile")["tags"] == [HOSTILE]


def test_sql_facets_and_stats(told: Talk, gallery: Gallery, photos: Path) -> None:
    counts = {folder.name: len(list(folder.iterdir())) for folder in photos.iterdir()}
    assert dict(told.document("sql")["rows"]) == counts
    facets = told.document("facets")
    assert (facets["images"], facets["total"]) == (counts["cats"], sum(counts.values()))
    assert len(facets["tags"]) <= 2
    matching = {row["image_id"] for row in gallery.images(match="red cat")}
    assert {hit["image_id"] for hit in told.document("match")["hits"]} == matching
    assert told.document("matching facets")["images"] == len(matching) > 0
    stats = told.document("stats")
    assert (stats["images"], stats["model"]) == (len(gallery), "starter")
    assert stats["folders"] == gallery.stats()["folders"]


def test_stdout_carries_the_protocol_alone(told: Talk) -> None:
    assert not [message for message in told.strange if isinstance(message, Exception)]
    assert "Traceback" not in told.stderr


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "a file": ("search", {"reference": "/etc/passwd"}, "reference: no image of the gallery is at '/etc/passwd'"),
    "a climb": ("search", {"reference": "../../../etc/passwd"}, "reference: no image of the gallery is at"),
    "a URL": ("search", {"reference": "http://127.0.0.1:1/x.png"}, "reference: no image of the gallery is at"),
    "a liked file": ("search", {"liked": ["/etc/passwd"]}, "liked: no image of the gallery is at"),
    "a NUL": ("describe_image", {"image": "\0"}, "image: no image of the gallery is at"),
    "an unknown id": ("describe_image", {"image": "0" * 64}, "image: no image"),
    "long base64": ("search", {"reference_base64": "A" * 1_000_001}, "reference_base64: String should have at most"),
    "no base64": ("search", {"reference_base64": "%%%"}, "reference_base64 is not base64"),
    "no ASCII": ("search", {"reference_base64": "ж"}, "reference_base64 is not base64"),
    "no image": ("search", {"reference_base64": "aGVsbG8="}, "the uploaded image"),
    "no bytes": ("search", {"reference_base64": ""}, "the uploaded image"),
    "two references": ("search", {"reference": "x", "reference_base64": "aGVsbG8="}, "reference and reference_base64"),
    "nothing": ("search", {}, "nothing to search for"),
    "many hits": ("search", {"edit_text": "a cat", "k": 51}, "k: Input should be less than or equal to 50"),
    "many images": ("search", {"edit_text": "a cat", "thumbnails": 11}, "thumbnails: Input should be less than"),
    "a pool": ("search", {"edit_text": "a cat", "pool": 5}, "pool: Extra inputs are not permitted"),
    "a bad condition": ("search", {"edit_text": "a cat", "where": "no_such = 1"}, "no_such"),
    "a relative folder": ("facets", {"folder": "../x"}, "folder is '../x': give an absolute path"),
    "a huge picture": ("describe_image", {"image": "x", "size": 4096}, "size: Input should be 160, 320, 640 or 1024"),
    "deleting": ("sql", {"sql": "DELETE FROM images"}, "SELECT"),
    "copying": ("sql", {"sql": "COPY images TO '/tmp/images.csv'"}, "SELECT"),
    "another file": ("sql", {"sql": "SELECT * FROM read_text('/etc/passwd')"}, "read_text"),
    "a file in SQL": ("sql", {"sql": "SELECT path FROM compose('/etc/passwd', 'x')"}, "no image of the gallery is at"),
    "a second statement": ("sql", {"sql": "SELECT 1; DROP TABLE images"}, ""),
}


def test_what_makes_no_sense_is_a_tools_error(gallery: Gallery, url: str) -> None:
    refused: Calls = {name: (tool, arguments) for name, (tool, arguments, _) in REFUSED.items()}
    told = asyncio.run(talk(f"{url}mcp", refused))
    for name, (_, _, problem) in REFUSED.items():
        message = told.error(name)
        assert problem in message, (name, message)
        assert "Traceback" not in message
        assert not message.startswith("unexpected"), (name, message)
    assert len(gallery) == gallery.count()


def test_an_unknown_tool_and_a_body_too_large_are_refused(url: str, http: httpx.Client) -> None:
    with pytest.raises(BaseException, match=r"no tool 'drop'|unhandled") as caught:
        asyncio.run(talk(f"{url}mcp", {"drop": ("drop", {})}))
    error: BaseException = caught.value
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, MCPError)
    call = {"name": "search", "arguments": {"reference_base64": "A" * 2**21}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    assert http.post("/mcp", json=body).status_code == 413


def test_the_guard_stands_before_the_tools(gallery: Gallery, http: httpx.Client) -> None:
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accepts = {"Accept": "application/json, text/event-stream"}
    assert len(http.post("/mcp", json=asked, headers=accepts).json()["result"]["tools"]) == 5
    assert http.get("/mcp", headers=accepts).status_code == 405
    foreign = {"Origin": "http://evil.example"}
    assert http.post("/mcp", json=asked, headers=accepts | foreign).status_code == 403
    assert http.post("/mcp", json=asked, headers=accepts | {"Host": "evil.example"}).status_code == 403
    token = "a token of some length"
    with serving(gallery, ServeSettings(token=token)) as url:
        assert httpx.post(f"{url}mcp", json=asked, headers=accepts).status_code == 401
        let_in = accepts | {"Authorization": f"Bearer {token}"}
        assert httpx.post(f"{url}mcp", json=asked, headers=let_in).status_code == 200


def test_an_answer_that_is_too_long_says_so(gallery: Gallery, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp, "ANSWER_CHARACTERS", 100)
    told = asyncio.run(talk(f"{url}mcp", {"stats": ("stats", {})}))
    assert "the limit is 100: ask for less" in told.error("stats")
