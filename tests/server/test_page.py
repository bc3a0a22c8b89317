"""The page in a real browser: Debian's chromium, driven by playwright."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from cvsi_db import Gallery
from tests.server.conftest import HOSTILE, SAMPLES

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[dev]'")
pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed: pip install -e '.[dev]'")

CHROMIUM = os.environ.get("CVSI_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium: `apt-get install chromium`, or name a browser's file in CVSI_CHROMIUM"
)

REFERENCE = SAMPLES / "red-cat-beach.png"

Page = Any


@pytest.fixture(scope="module")  # its event loop would be in the way of other files' tests
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


WINDOW = {"viewport": {"width": 1280, "height": 720}, "reduced_motion": "reduce"}


@pytest.fixture(scope="module")
def context(browser: Any) -> Any:
    """What most windows share: the browser's cache, and at the start of each test an empty storage."""
    return browser.new_context(**WINDOW)


@pytest.fixture
def visit(browser: Any, context: Any, url: str) -> Iterator[Callable[..., Page]]:
    """Opens the page in a window, at a part of the URL after #; at the end no window has seen an error."""
    pages, errors = [], []

    def visit(
        hash: str = "", *, noisy: bool = False, prepare: Callable[[Page], None] | None = None, **options: Any
    ) -> Page:
        page = browser.new_page(**WINDOW | options) if options else context.new_page()
        pages.append(page)
        page.set_default_timeout(60_000)
        if not noisy:
            page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        if prepare:
            prepare(page)
        page.goto(f"{url}#{hash}")
        settle(page)
        return page

    yield visit
    pages[0].evaluate("localStorage.clear()")
    for page in pages:
        page.close()
    assert errors == []


def settle(page: Page) -> None:
    """Wait until the page shows what it was asked for."""
    page.locator("body:not(.busy)").wait_for(state="attached")


def say(page: Page, words: str) -> None:
    page.locator("#words").fill(words)
    page.keyboard.press("Enter")
    settle(page)


def transfer(page: Page, event: str, file: Path) -> None:
    """Drop or paste a file."""
    data = base64.b64encode(file.read_bytes()).decode()
    page.evaluate(
        """([event, name, data]) => {
            const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], name, {type: "image/png"}));
            const options = {bubbles: true, cancelable: true};
            window.dispatchEvent(event === "paste"
                ? new ClipboardEvent(event, {...options, clipboardData: transfer})
                : new DragEvent(event, {...options, dataTransfer: transfer}));
        }""",
        [event, file.name, data],
    )
    page.locator("#trail li").first.wait_for()
    settle(page)


def names(page: Page, count: int = 5) -> list[str]:
    """The names of the first images of the grid."""
    return page.locator(".tile .name").all_text_contents()[:count]


def tally(page: Page) -> int:
    """How many images the page says that it shows."""
    return int(page.locator("#tally").text_content().split()[0])


def slide(page: Page, term: str, weight: float, *, release: bool = False) -> None:
    page.locator(f"#weight-{term}").evaluate(
        """(slider, [weight, release]) => {
            slider.value = weight;
            slider.dispatchEvent(new Event("input", {bubbles: true}));
            if (release) slider.dispatchEvent(new Event("change", {bubbles: true}));
        }""",
        [weight, release],
    )
    if release:
        settle(page)


def id_of(gallery: Gallery, name: str) -> str:
    (image,) = gallery.images(f"name = '{name}'")
    return str(image["image_id"])


# --- searching --------------------------------------------------------------------------------------------------


def test_a_dropped_file_is_searched_with_and_words_narrow_it(visit: Callable[..., Page], gallery: Gallery) -> None:
    page = visit()
    transfer(page, "drop", REFERENCE)
    assert page.title() == "this picture · cvsi-db"
    say(page, "with a hat")
    found = gallery.search(REFERENCE.read_bytes(), "with a hat", k=5)
    assert names(page) == [hit.metadata["name"] for hit in found]
    assert "hat" in names(page, 1)[0]
    sync_api.expect(page.locator("#live")).to_contain_text("images for this picture, but with a hat")


@pytest.mark.slow
def test_a_picture_may_be_pasted_or_picked(visit: Callable[..., Page]) -> None:
    page = visit()
    transfer(page, "paste", REFERENCE)
    pasted = names(page)
    page = visit()
    with page.expect_file_chooser() as chooser:
        page.locator("#pick").click()
    chooser.value.set_files(REFERENCE)
    page.locator("#trail li").first.wait_for()
    settle(page)
    assert names(page) == pasted


@pytest.mark.slow
def test_any_image_may_be_the_reference(visit: Callable[..., Page], gallery: Gallery) -> None:
    page = visit()
    page.get_by_role("button", name="red-cat-beach.png").first.click()
    page.locator("#viewer .but input").fill("with a hat")
    page.keyboard.press("Enter")
    settle(page)
    assert not page.locator("#viewer").is_visible()
    assert names(page) == [hit.metadata["name"] for hit in gallery.search(REFERENCE, "with a hat", k=5)]


@pytest.mark.slow
def test_liked_and_unliked_images_and_texts_count(visit: Callable[..., Page], gallery: Gallery) -> None:
    page = visit(f"image={id_of(gallery, REFERENCE.name)}")
    liked, unliked = (page.locator(".tile").nth(place).locator(".name").text_content() for place in (1, 0))
    page.locator(".tile").nth(1).hover()
    page.locator(".tile").nth(1).get_by_role("button", name="More like this").click()
    settle(page)
    place = names(page, 50).index(unliked)
    page.locator(".tile").nth(place).hover()
    page.locator(".tile").nth(place).get_by_role("button", name="Less like this").click()
    settle(page)
    say(page, "not a hat")
    paths = {image["name"]: image["path"] for image in gallery.images()}
    found = gallery.search(REFERENCE, liked=paths[liked], unliked=paths[unliked], negative="a hat", k=5)
    assert names(page) == [hit.metadata["name"] for hit in found]


@pytest.mark.slow
def test_a_corrected_edited_caption_is_searched_with(visit: Callable[..., Page], gallery: Gallery) -> None:
    page = visit(f"image={id_of(gallery, REFERENCE.name)}&words=with+a+hat")
    caption = page.locator("#read textarea").first
    caption.fill("a green frog in a meadow")
    caption.press("Enter")
    settle(page)
    assert page.locator("#read textarea").first.input_value() == "a green frog in a meadow"
    assert "as you corrected them" in page.locator("#read .by").text_content()
    captions = page.locator("#read textarea").evaluate_all("all => all.map(({value}) => value)")
    found = gallery.search(REFERENCE, "with a hat", edited_captions=captions, added_objects="a hat", k=5)
    assert names(page) == [hit.metadata["name"] for hit in found]


# --- sliders ----------------------------------------------------------------------------------------------------


def test_sliders_agree_with_the_servers_rerank(visit: Callable[..., Page], gallery: Gallery) -> None:
    page = visit(f"image={id_of(gallery, REFERENCE.name)}&words=with+a+hat")
    slide(page, "image", 0.1)
    slide(page, "edit_text", 0.6)
    shown = page.locator(".tile .open").evaluate_all("all => all.map(each => each.getAttribute('aria-label'))")
    result = gallery.search(REFERENCE, "with a hat", pool=240)
    weights = {term.name: term.weight for term in result.compiled.logical.terms} | {"image": 0.1, "edit_text": 0.6}
    reranked = result.rerank(weights, k=5)
    assert names(page) == [hit.metadata["name"] for hit in reranked]
    scores = page.evaluate(
        """async ([query, weights]) => {
            const {ranked} = await import("/static/rank.js");
            const {search} = await import("/static/api.js");
            const answer = await search(query);
            return ranked(answer, answer.pool.terms.map((name) => weights[name])).slice(0, 5).map((hit) => hit.score);
        }""",
        [{"reference": id_of(gallery, REFERENCE.name), "edit_text": "with a hat", "k": 1, "pool": 240}, weights],
    )
    assert scores == pytest.approx([hit.score for hit in reranked], abs=1e-4)
    assert f"Score {reranked[0].score:.3f}" in shown[0]


def enlarged(page: Page, size: int = 2000) -> None:
    """Answer every search with a pool of so many made-up images, others of which may belong among them."""

    def more(route: Any) -> None:
        answer = route.fetch().json()
        images, pool = answer["images"], answer["pool"]
        first, about = pool["images"][0], images[pool["images"][0]["image_id"]]
        for number in range(size - len(pool["images"])):
            near = [similarity * (1 - ((number * 7919) % size) / size) for similarity in first["similarities"]]
            pool["images"].append({**first, "image_id": f"{number:064x}", "similarities": near[::-1]})
            images[f"{number:064x}"] = {**about, "width": 300 + number % 400}
        route.fulfill(json={**answer, "pool": {**pool, "complete": False}})

    page.route("**/api/search", more)
    page.route("**/thumbnail*", lambda route: route.fulfill(path=str(REFERENCE)))


@pytest.mark.slow  # a busy machine takes longer
def test_sliders_reorder_two_thousand_images_within_50_ms(visit: Callable[..., Page], gallery: Gallery) -> None:
    page = visit(f"image={id_of(gallery, REFERENCE.name)}&words=with+a+hat", prepare=enlarged)
    page.locator("#show-bars").click()
    first = page.locator(".tile .open").first
    before = first.get_attribute("aria-label")
    for weight in (0.9, 0.7, 0.5, 0.3, 0.1):
        slide(page, "image", weight)
    took = page.evaluate("performance.getEntriesByName('reorder').map(({duration}) => duration)")
    assert len(took) == 5
    assert min(took) <= 50, took
    assert first.get_attribute("aria-label") != before


@pytest.mark.slow
def test_an_order_within_the_pool_is_marked_until_it_is_exact(visit: Callable[..., Page], gallery: Gallery) -> None:
    asked = []
    page = visit(f"image={id_of(gallery, REFERENCE.name)}&words=with+a+hat", prepare=lambda page: enlarged(page, 300))
    page.on("request", lambda request: asked.append(request.post_data_json) if "/api/search" in request.url else None)
    assert page.locator("#tally .exact").is_visible()
    slide(page, "image", 0.9)
    assert page.locator("#tally .within").text_content() == "among the 300 best"
    assert asked == []
    slide(page, "image", 0.9, release=True)
    assert page.locator("#tally .exact").is_visible()
    assert [request["rank"]["image"] for request in asked] == [0.9]


# --- the trail --------------------------------------------------------------------------------------------------


def test_one_steps_back_through_the_trail(visit: Callable[..., Page], gallery: Gallery) -> None:
    page = visit(f"image={id_of(gallery, REFERENCE.name)}")
    orders = [names(page)]
    for words in ("with a hat", "at night"):
        say(page, words)
        orders.append(names(page))
    assert page.title() == "this picture, but with a hat, but at night · cvsi-db"
    page.go_back()
    settle(page)
    assert names(page) == orders[1]
    page.locator("#trail button").first.click()
    settle(page)
    assert names(page) == orders[0]
    assert page.locator("#trail li.later").count() == 1
    page.locator("body").press("]")
    settle(page)
    assert names(page) == orders[1]
    page.locator("#words").focus()
    page.keyboard.press("Backspace")
    assert page.locator("#words").input_value() == "with a hat"


def test_a_shared_url_opens_the_same_view(visit: Callable[..., Page], gallery: Gallery) -> None:
    page = visit()
    transfer(page, "drop", REFERENCE)
    say(page, "with a hat")
    page.get_by_role("button", name="Folder", exact=True).click()
    page.locator("#panel button", has_text="cats").click()
    settle(page)
    slide(page, "image", 0.2, release=True)
    page.locator("#sorting button", has_text="Sort").click()
    page.locator("#panel button", has_text="Name").click()
    other = visit(page.url.partition("#")[2])
    for each in (page, other):
        assert names(each, 99) == sorted(names(each, 99))
    assert names(other, 99) == names(page, 99)
    assert other.title() == page.title()
    assert other.locator("#weight-image").input_value() == "0.2"
    assert other.locator("#filters .chosen").text_content() == "cats"


def test_a_url_that_makes_no_sense_opens_all_the_same(visit: Callable[..., Page]) -> None:
    page = visit("words=a+cat&weights=nonsense&at=99&captions=&sort=<b>&min=x&rating=many&open=", noisy=True)
    assert page.locator("#state h2").text_content() == "That did not work"
    assert not page.locator("#drawer, #toggles, .tile").first.is_visible()
    page.get_by_role("button", name="Begin anew").click()
    settle(page)


# --- what else one does -----------------------------------------------------------------------------------------


def test_the_keyboard_is_enough(visit: Callable[..., Page]) -> None:
    page = visit()
    press = page.keyboard.press
    press("/")
    page.keyboard.type("a red cat")
    press("Enter")
    settle(page)
    page.locator("#words").blur()
    press("ArrowDown")
    press("ArrowRight")
    focused = page.evaluate("document.activeElement.querySelector('.name').textContent")
    assert focused == names(page)[1]
    press("Enter")
    assert page.locator("#viewer h2").text_content() == focused
    press("ArrowLeft")
    assert page.locator("#viewer h2").text_content() == names(page)[0]
    press("Escape")
    page.wait_for_function(  # the viewer gives its focus on when the browser has closed it
        "name => document.activeElement.querySelector('.name')?.textContent === name", arg=names(page)[0]
    )
    press("r")
    settle(page)
    assert page.locator("#trail [aria-current]").get_attribute("aria-label") == "this picture"
    press("[")
    settle(page)
    assert page.title() == "a red cat · cvsi-db"
    press("?")
    assert page.locator("#help").is_visible()
    press("Escape")
    press("b")
    assert page.locator(".tile").first.locator(".bar").count() > 0
    before = page.evaluate("document.documentElement.dataset.theme")
    press("d")
    assert page.evaluate("document.documentElement.dataset.theme") != before
    press("n")
    settle(page)
    assert page.title() == "cvsi-db"


def test_filters_sort_and_cut(visit: Callable[..., Page], gallery: Gallery) -> None:
    page = visit(f"image={id_of(gallery, REFERENCE.name)}&folder={Path(gallery.images()[-1]['folder']).name}")
    assert page.locator("#filters .chosen").count() == 1
    page.get_by_role("button", name="Remove: Folder").click()
    settle(page)
    total = tally(page)
    page.locator("#sorting button", has_text="Cut").click()
    slider = page.locator("#panel input[type=range]")
    slider.evaluate("s => { s.value = (Number(s.min) + Number(s.max)) / 2; s.dispatchEvent(new Event('change')); }")
    cut = tally(page)
    assert 0 < cut < total
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Condition").click()
    page.locator("#panel input").fill("width > 100000")
    page.keyboard.press("Enter")
    settle(page)
    assert page.locator("#state h2").text_content() == "No image meets this"
    page.get_by_role("button", name="Remove the filters").click()
    settle(page)
    assert tally(page) == cut


def test_hits_without_a_date_come_last(visit: Callable[..., Page]) -> None:
    orders = visit().evaluate(
        """async () => {
            const {arranged} = await import("/static/rank.js");
            const dates = {a: "2024-05-01T12:00:00", b: null, c: "2020-01-01T00:00:00"};
            const hits = Object.entries(dates).map(([name, taken_at]) => ({name, taken_at}));
            return ["newest", "oldest"].map((sort) => arranged(hits, {sort, min: null}).map(({name}) => name).join(""));
        }"""
    )
    assert orders == ["acb", "cab"]


def test_hostile_names_captions_and_tags_are_text(visit: Callable[..., Page], gallery: Gallery) -> None:
    page = visit("words=" + HOSTILE)
    page.locator(".tile").get_by_role("button", name=HOSTILE).first.click()
    page.wait_for_selector("#viewer .tags")
    assert page.locator("#viewer h2").text_content() == f"{HOSTILE}.png"
    assert HOSTILE in page.locator("#viewer li").first.text_content()
    assert page.locator("#viewer .tags").text_content() == HOSTILE
    page.locator("#viewer .tags button").click()
    settle(page)
    assert page.locator("#filters .chosen").text_content() == HOSTILE
    assert page.locator(".tile").count() == 1
    assert page.evaluate("window.hit") is None
    assert page.locator("[src=x], [onerror]").count() == 0


def test_axe_finds_nothing(visit: Callable[..., Page], gallery: Gallery) -> None:
    page = visit(color_scheme="light")
    found = []

    def check(where: str) -> None:
        page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text())
        violations = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
        found.extend(
            (where, each["impact"], each["id"], node["html"], node["failureSummary"])
            for each in violations
            for node in each["nodes"]
        )

    check("home")
    page.evaluate("hash => { location.hash = hash; }", f"image={id_of(gallery, REFERENCE.name)}&words=with+a+hat")
    page.locator("#trail li").first.wait_for()
    settle(page)
    page.locator("#show-bars").click()
    page.locator("#drawer summary").last.click()
    check("search")
    page.locator("#theme").click()
    check("search in the dark")
    page.locator("#sorting button", has_text="Cut").click()
    check("cut")
    page.keyboard.press("Escape")
    page.locator(".tile .open").first.click()
    page.wait_for_selector("#viewer .facts dl")
    check("viewer")
    page.keyboard.press("Escape")
    page.locator("#keys").click()
    check("keys")
    assert found == []


@pytest.mark.slow
def test_nothing_is_wider_than_the_window(visit: Callable[..., Page], gallery: Gallery) -> None:
    page = visit(f"image={id_of(gallery, REFERENCE.name)}&words=with+a+hat", viewport={"width": 800, "height": 800})
    for width in (800, 390):
        page.set_viewport_size({"width": width, "height": 800})
        for deed in (page.locator("#show-drawer").click, page.locator("#close-drawer").click):
            deed()
            assert page.evaluate("document.documentElement.scrollWidth") <= width


# --- states -----------------------------------------------------------------------------------------------------


def answering(status: int, **said: Any) -> Callable[[Any], None]:
    return lambda route: route.fulfill(status=status, json=said)


def test_a_token_is_asked_for_and_the_view_stays(visit: Callable[..., Page]) -> None:
    def refuse(page: Page) -> None:
        page.route("**/api/about", answering(401, error="a token is needed", kind="unauthorized"), times=1)
        page.route("**/api/login", lambda route: route.fulfill(status=204))

    page = visit("words=a+red+cat", noisy=True, prepare=refuse)
    assert page.locator("#state h2").text_content() == "This gallery asks for a token"
    page.get_by_label("Token").fill("secret")
    page.keyboard.press("Enter")
    page.wait_for_selector(".tile")
    assert page.title() == "a red cat · cvsi-db"


@pytest.mark.slow
def test_each_trouble_has_its_words(visit: Callable[..., Page]) -> None:
    broken = answering(503, error="the gallery at /g is damaged: cvsi-db check", kind="GalleryError")
    page = visit(noisy=True, prepare=lambda page: page.route("**/api/about", broken))
    assert "the gallery at /g is damaged" in page.locator("#state").text_content()

    page = visit(noisy=True, prepare=lambda page: page.route("**/api/about", lambda route: route.abort()))
    assert "The server does not answer" in page.locator("#state").text_content()

    def none(page: Page) -> None:
        page.route("**/api/about", lambda route: route.fulfill(json={**route.fetch().json(), "images": 0}))
        page.route("**/api/images?*", answering(200, total=0, images=[]))

    page = visit(prepare=none)
    assert "cvsi-db ingest ~/photos" in page.locator("#state").text_content()

    page = visit("image=" + "0" * 64, noisy=True)
    assert "no longer holds this picture" in page.locator("#state").text_content()


def test_a_busy_server_is_asked_again(visit: Callable[..., Page]) -> None:
    def busy(page: Page) -> None:
        full = {"status": 503, "headers": {"Retry-After": "0"}, "json": {"error": "busy", "kind": "busy"}}
        page.route("**/api/search", lambda route: route.fulfill(**full), times=2)

    page = visit("words=a+red+cat", noisy=True, prepare=busy)
    assert page.locator(".tile").count() > 0
