"""The JSON of the server: what a request may say, and the documents that answers are.

The documents are those of the command line (`search --format json` and its like), key for key; an answer over HTTP adds
keys of its own. The fields of a query are made of the one declaration in query/options.py. FastAPI's schema is made of
these models; answers are written from plain values, and tests hold them to the models.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, create_model

from cvsi_db.query.options import (
    BY_FIELD,
    COUNT,
    DATE,
    FILTERS,
    FOLDER,
    IMAGE,
    IMAGES,
    NUMBER,
    OPTIONS,
    PLACE,
    POSITIVE,
    PROBABILITY,
    RATING,
    SHARE,
    SWITCH,
    TEXT,
    TEXTS,
    WEIGHTS,
    Option,
)
from cvsi_db.records import TermName

LIMITS = {
    "k": 1000,
    "pool": 2000,
    "offset": 100_000,
    "upload_bytes": 32 * 2**20,
    "batch": 64,
    "images": 200,
    "verify": 100,
}
"""The most that one request may ask for or bring."""

TEXT_LENGTH = 10_000
SEVERAL = 32
"""How many images or texts one field may hold."""

THUMBNAIL_SIZES = (160, 320, 640, 1024)

Text = Annotated[StrictStr, Field(max_length=TEXT_LENGTH)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
ImageId = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Model(BaseModel):
    """A model that takes no unknown key."""

    model_config = ConfigDict(extra="forbid")


# --- requests ---------------------------------------------------------------------------------------------------


def _type_of(option: Option) -> Any:
    """The type of an option's value in JSON. An image is an image_id, or the path of an image in the gallery."""
    types: dict[str, Any] = {
        SWITCH.takes: StrictBool,
        COUNT.takes: Annotated[StrictInt, Field(ge=0, le=LIMITS.get(option.field, 2**31))],
        POSITIVE.takes: Annotated[StrictInt, Field(ge=1, le=LIMITS.get(option.field, 2**31))],
        RATING.takes: Annotated[StrictInt, Field(ge=1, le=5)],
        NUMBER.takes: Number,
        SHARE.takes: Annotated[Number, Field(gt=0)],
        PROBABILITY.takes: Annotated[Number, Field(gt=0, le=1)],
        WEIGHTS.takes: Text | dict[TermName, Number],
        PLACE.takes: Text | Annotated[list[Number], Field(min_length=3, max_length=3)],
    }
    types |= {kind.takes: Text for kind in (IMAGE, TEXT, DATE, FOLDER)}
    types |= {kind.takes: Text | Annotated[list[Text], Field(max_length=SEVERAL)] for kind in (IMAGES, TEXTS)}
    return types[option.kind.takes]


_FIELDS: dict[str, Any] = {
    option.field: (
        _type_of(option) | None,
        Field(default=list(option.default) if option.kind.many else option.default, description=option.help),
    )
    for option in OPTIONS
}
SearchRequest: Any = create_model(
    "SearchRequest",
    __base__=Model,
    __doc__="A query. An image is given by its image_id, an upload's too, or by its path in the gallery.",
    **_FIELDS,
)

_QUERY_STRING: dict[str, Any] = {TEXTS.takes: list[str], RATING.takes: Annotated[int, Field(ge=1, le=5)]}
_FILTERS: dict[str, Any] = {
    option.field: (
        _QUERY_STRING.get(option.kind.takes, str) | None,
        Field(default=[] if option.kind.many else None, description=option.help),
    )
    for option in (BY_FIELD["where"], *FILTERS)
}
_FILTERS["limit"] = (Annotated[int, Field(ge=1, le=LIMITS["images"])], 60)
_FILTERS["offset"] = (Annotated[int, Field(ge=0, le=LIMITS["offset"])], 0)
FilterQuery: Any = create_model(
    "FilterQuery", __base__=Model, __doc__="Which images count, in the query string of a GET.", **_FILTERS
)

_QUERIES: dict[str, Any] = {
    "queries": (Annotated[list[SearchRequest], Field(min_length=1, max_length=LIMITS["batch"])], ...),
    "defaults": (SearchRequest | None, None),
}
BatchRequest: Any = create_model(
    "BatchRequest",
    __base__=Model,
    __doc__="Several queries, answered together; `defaults` hold for what a query leaves out.",
    **_QUERIES,
)


class RerankRequest(Model):
    """Other weights for the pool of a search that was answered before."""

    result: Annotated[StrictStr, Field(max_length=100, description="The `pool.result` of the search.")]
    weights: Text | dict[TermName, Number]
    k: Annotated[StrictInt, Field(ge=1, le=LIMITS["k"])] | None = None


class SqlRequest(Model):
    """One SELECT; `parameters` are for its `:name`."""

    sql: Annotated[StrictStr, Field(max_length=100_000)]
    parameters: dict[str, StrictBool | StrictInt | Number | Text | list[Text] | None] = {}


class IngestRequest(Model):
    """Folders or files to take in, which the server was started to allow."""

    paths: Annotated[list[Text], Field(min_length=1, max_length=SEVERAL)]
    tags: Annotated[list[Text], Field(max_length=SEVERAL)] = []
    caption: StrictBool = True


class LoginRequest(Model):
    """The server's token."""

    token: Annotated[StrictStr, Field(max_length=1000)]


# --- documents of the command line ------------------------------------------------------------------------------


class TermDocument(Model):
    """A term's part in a score."""

    similarity: float
    weight: float
    contribution: float


class HitDocument(Model):
    """One found image."""

    rank: int
    path: str
    image_id: ImageId
    score: float
    confidence: float | None
    terms: dict[TermName, TermDocument]


class QueryDocument(Model):
    """The query as it ran. `liked`, `unliked` and `negative` are there where given."""

    model: str
    reference: str | None
    edit_text: str | None
    captions: list[str]
    edited_captions: list[str]
    added_objects: str
    rewriter: str | None
    preset: str
    weights: dict[TermName, float]
    gamma: float
    liked: list[str] = []
    unliked: list[str] = []
    negative: list[str] = []


class VerifyDocument(Model):
    """What a verifier did: of the `first` hits it was `asked` of some, others were `cached`, and so many `moved`."""

    verifier: str
    first: int
    asked: int
    cached: int
    failed: int
    moved: int


class PlanDocument(Model):
    """How it was answered, and whether the answer is exact."""

    strategy: str | None
    why: str
    exact: bool
    verify: VerifyDocument | None


class SearchDocument(Model):
    """The document of `cvsi-db search --format json`."""

    query: QueryDocument
    plan: PlanDocument
    hits: list[HitDocument]
    timings_ms: dict[str, float]
    warnings: list[str]


class ImageDocument(Model):
    """An image as `cvsi-db list --format json` has it. Times are ISO 8601; `taken_at` is local time."""

    image_id: ImageId
    path: str
    paths: list[str]
    folder: str
    name: str
    format: str
    width: int
    height: int
    size_bytes: int
    modified_at: str
    taken_at: str | None
    camera: str | None
    captions: list[str]
    tags: list[str]
    latitude: float | None
    longitude: float | None
    rating: int | None
    lens: str | None
    orientation: int | None
    date_source: str | None
    utc_offset: int | str | None


class RunDocument(Model):
    """An ingest that was: its roots, its times, and what it counted."""

    roots: list[str]
    started_at: str
    finished_at: str | None
    summary: dict[str, Any] | None


class StatsDocument(Model):
    """The document of `cvsi-db stats --format json`; formats, folders and tags count images, most frequent first."""

    folder: str
    model: str
    fingerprint: str
    dim: int
    created_at: str
    images: int
    uncaptioned: int
    removed: int
    duplicates: int
    files: dict[str, int]
    formats: dict[str, int]
    folders: dict[str, int]
    tags: dict[str, int]
    indexes: list[dict[str, Any]]
    bytes: dict[str, int]
    runs: list[RunDocument]


# --- what only the server says ----------------------------------------------------------------------------------


class ReferenceDocument(Model):
    """The reference by its id, which later requests may name: of an upload, as long as the server holds it."""

    image_id: ImageId
    in_gallery: bool


class ShownImage(Model):
    """What a page needs to show an image; width and height are the file's, upright, `taken_at` local time."""

    name: str
    folder: str
    width: int
    height: int
    taken_at: str | None
    captions: list[str]


class PooledImage(Model):
    """An image of the pool: its similarity by each of the pool's terms, in their order."""

    image_id: ImageId
    path: str
    similarities: list[float]


class PoolDocument(Model):
    """The best images, best first: score = Σ weight · similarity, equal scores by image_id.

    `result` is for /api/rerank. `complete` tells that no other image satisfies the query's conditions.
    """

    result: str
    complete: bool
    terms: list[TermName]
    weights: list[float]
    images: list[PooledImage]


class SearchAnswer(SearchDocument):
    """A search's document with the images' metadata by image_id, and the pool if the query asked for one."""

    reference: ReferenceDocument | None
    images: dict[str, ShownImage]
    pool: PoolDocument | None


class BatchAnswer(Model):
    """A document per query, in their order."""

    results: list[SearchDocument]


class ExplainAnswer(Model):
    """How a search ran, as `cvsi-db explain` prints it."""

    text: str
    query: QueryDocument
    plan: PlanDocument
    timings_ms: dict[str, float]
    warnings: list[str]


class SqlAnswer(Model):
    """The rows of a statement; a time is written as ISO 8601."""

    columns: list[str]
    rows: list[list[Any]]
    warnings: list[str]


class ImagesAnswer(Model):
    """Some images in the order of their paths; `total` counts all that satisfy the conditions."""

    total: int
    images: list[ImageDocument]


class Count(Model):
    """How many images have a value."""

    value: str
    count: int


class FacetsDocument(Model):
    """How many images have which values, among those that satisfy the conditions: see cvsi_db.manage.facets."""

    images: int
    total: int
    folders: list[Count]
    cameras: list[Count]
    years: list[Count]
    tags: list[Count]
    ratings: list[Count]
    formats: list[Count]
    unknown: dict[str, int]


class PresetDocument(Model):
    """Named weights and the share γ of captions."""

    name: str
    weights: dict[TermName, float]
    gamma: float


class Label(Model):
    """A term in words."""

    name: TermName
    label: str


class OptionDocument(Model):
    """A field of a query: what it takes and does."""

    name: str
    takes: str
    help: str
    default: Any


class AboutDocument(Model):
    """What the gallery is, and what a request may say."""

    version: str
    gallery: str
    model: str
    images: int
    uncaptioned: int
    preset: str
    presets: list[PresetDocument]
    terms: list[Label]
    options: list[OptionDocument]
    thumbnail_sizes: list[int]
    limits: dict[str, int]
    ingest: bool


class IngestDocument(Model):
    """The last ingest that was asked for over HTTP; `state` is none, running, done or failed."""

    job: str | None
    state: str
    phase: str | None
    done: int
    total: int
    summary: dict[str, Any] | None
    error: str | None


class HealthDocument(Model):
    """That the server answers, and can read its gallery."""

    status: str


class ErrorDocument(Model):
    """What was wrong, where, and what to do, in one line; `field` names the part of the request, if one is at fault."""

    error: str
    kind: str
    field: str | None
