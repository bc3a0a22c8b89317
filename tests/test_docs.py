"""The documentation: pages made from the code are current, links lead somewhere, and the recipes do what they say."""

from __future__ import annotations

import inspect
import os
import re
import shlex
import shutil
from pathlib import Path

import pytest
from PIL import Image

import cvsi_db.errors
from cvsi_db.cli import run
from cvsi_db.gallery import Gallery
from docs import generate
from tests.e2e.conftest import SAMPLES

ROOT = Path(__file__).parents[1]
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "benchmarks" / "README.md",
    SAMPLES / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "cvsi_db" / "models").glob("*/README.md")),
)


# --- pages made from the code -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", generate.PAGES)
def test_pages_made_from_the_code_are_current(name: str) -> None:
    assert (ROOT / "docs" / name).read_text("utf-8") == generate.PAGES[name](), "run `python docs/generate.py`"


def test_the_python_reference_has_whatever_a_method_returns_or_reports() -> None:
    text = (ROOT / "docs" / "python.md").read_text("utf-8")
    members = [getattr(member, "__func__", member) for name, member in vars(Gallery).items() if name[0] != "_"]
    signatures = [str(inspect.signature(member)) for member in members if callable(member)]
    named = set(re.findall(r"\b[A-Z]\w+(?:Summary|Progress|Plan|Import|Result)\b|\bProblem\b", " ".join(signatures)))
    assert {name for name in named if f"# {name}\n" not in text} == set()
    assert "IngestSummary" in named


def test_the_tree_of_errors_is_that_of_the_classes() -> None:
    shown: list[tuple[int, str]] = []
    for line in (cvsi_db.errors.__doc__ or "").splitlines():
        if found := re.match(r"\W*?(\w*Error)\b", line):
            shown.append((line.index(found[1]), found[1]))
    for place, (depth, name) in enumerate(shown[1:], 1):
        parent = next(above for at, above in reversed(shown[:place]) if at < depth)
        assert getattr(cvsi_db.errors, name).__base__.__name__ == parent
    assert {name for _, name in shown} == {name for name in vars(cvsi_db.errors) if name.endswith("Error")}


def test_the_first_screen_of_the_readme_installs() -> None:
    first = (ROOT / "README.md").read_text("utf-8").split("\n## ")[0]
    for line in ("uv tool install -c constraints.txt .", "pipx install ", "pip install -c constraints.txt ."):
        assert line in first
    assert "torch==" in (ROOT / "constraints.txt").read_text("utf-8")


# --- links ------------------------------------------------------------------------------------------------------


def _anchors(page: Path) -> set[str]:
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return {generate.anchor(heading) for heading in re.findall(r"^#+ (.*)", text, re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```|`[^`\n]*`", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text("utf-8")
    assert [page.name for page in PAGES if page.parent.name == "docs" and f"({page.name})" not in index] == [
        "README.md"
    ]


# --- recipes ----------------------------------------------------------------------------------------------------

PARIS = {1: "N", 2: (48, 51, 30), 3: "E", 4: (2, 17, 40)}
PHOTOS = {
    "2023/bear.jpg": ("brown-bear-forest-scarf-paper-cut.png", "2023:06:01 10:00:00", PARIS, 3),
    "2023/bear-night.jpg": ("brown-bear-forest-scarf-night-paper-cut.png", "2023:06:01 23:10:00", PARIS, 5),
    "2023/rain.jpg": ("orange-fox-city-umbrella-rain.jpg", "2023:09:02 08:00:00", None, 1),
    "2024/cat.jpg": ("red-cat-beach.png", "2024:07:10 12:00:00", None, 4),
    "2024/cat-hat.jpg": ("red-cat-beach-top-hat.png", "2024:07:10 12:01:00", None, 2),
    "shop/frog-green.jpg": ("green-frog-meadow-flower-watercolour.png", None, None, None),
    "shop/frog-blue.jpg": ("blue-frog-meadow-flower-watercolour.png", None, None, None),
}


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the recipes and its gallery, in the current folder; one photo lies there twice."""
    for name, (sample, taken_at, place, rating) in PHOTOS.items():
        exif = Image.Exif()
        if taken_at:
            exif.get_ifd(0x8769)[0x9003] = taken_at
        if place:
            exif.get_ifd(0x8825).update(place)
        if rating:
            exif[0x4746] = rating
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.open(SAMPLES / sample).convert("RGB").save(path, exif=exif.tobytes())
    shutil.copy(tmp_path / "photos/2024/cat.jpg", tmp_path / "photos/2024/cat copy.jpg")
    (tmp_path / "photos/2024/cat.txt").write_text("Miso on the beach\nmy cat\n")
    for name in [name for name in os.environ if name.startswith("CVSI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CVSI_CONFIG", os.devnull)
    monkeypatch.setenv("CVSI_DB", "gallery")
    monkeypatch.chdir(tmp_path)
    with Gallery.create("gallery", model="starter", device="cpu") as gallery:
        assert gallery.ingest("photos").new == len(PHOTOS)
    return tmp_path


def test_recipes(photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command and piece of Python of docs/recipes.md runs, in their order, and says what the recipe is about."""
    said: dict[str, list[str]] = {}
    for section in (ROOT / "docs" / "recipes.md").read_text("utf-8").split("\n## ")[1:]:
        title = section.split("\n")[0]
        for kind, block in re.findall(r"^```(\w+)\n(.*?)^```", section, re.MULTILINE | re.DOTALL):
            if kind == "json":
                Path("queries.jsonl").write_text(block, "utf-8")
            elif kind == "python":
                exec(compile(block, title, "exec"), {})
                said.setdefault(title, []).append(capsys.readouterr().out)
            for line in re.findall(r"^\$ (.*)", block, re.MULTILINE) if kind == "console" else ():
                command, _, file = line.partition(" > ")
                monkeypatch.setattr("sys.argv", shlex.split(command))
                assert run() == 0, (line, capsys.readouterr().err)
                out = capsys.readouterr().out
                said.setdefault(title, []).append(out)
                if file:
                    Path(file).write_text(out, "utf-8")

    def first(title: str, number: int) -> str:
        """The last word of the first row of a table, or of its only line."""
        return said[title][number].splitlines()[-1 if "─" not in said[title][number] else 2].split()[-1]

    assert first("This picture, but at night", 0) == "photos/2023/bear-night.jpg"
    assert 'href="file://' in Path("night.html").read_text("utf-8")
    best, matches = said["The best of each year"]
    assert [Path(row.split()[0]).name for row in best.splitlines()[2:]] == ["bear-night.jpg", "bear.jpg"]
    assert [row.split()[0] for row in matches.splitlines()[2:]] == ["2023", "2024"]
    assert matches.splitlines()[3].endswith("cat copy.jpg")  # the primary path of two
    assert not Path("photos/2024/cat copy.jpg").exists()
    assert len(list(Path("set-aside").rglob("cat copy.jpg"))) == 1
    assert re.search(r"^images +7$", said["Delete duplicates safely"][-1], re.MULTILINE)
    assert [first("A product in another colour", number) for number in (0, 1)] == ["photos/shop/frog-blue.jpg"] * 2
    assert said["Captions from another tool"][-1].count("Miso on the beach") == 1
    near, searched, counted = said["Photos near a place"]
    assert [Path(line).name for line in near.splitlines()] == ["bear-night.jpg", "bear.jpg"]
    assert len(searched.splitlines()) == 4
    assert counted.split()[-2:] == ["2", "7"]
    assert '"unchanged": 7' in said["In step every night, or at once"][0]
    shared = "Share a gallery that others only read"
    assert Path(said[shared][0].splitlines()[0]).name == "bear-night.jpg"
    assert first(shared, -1) in ("photos/2024/cat.jpg", "photos/2024/cat-hat.jpg")
    assert said["Export for another tool"][-1] == "7 (7, 256) b'starter'\n"
    rows = [re.sub(r",.*/", " ", row) for row in Path("answers.csv").read_text("utf-8").splitlines()]
    assert (rows[0], rows[1], len(rows)) == ("query,rank,score,path", "1 bear-night.jpg", 5)
    assert sorted(rows[3:]) == ["2 cat-hat.jpg", "2 cat.jpg"]
    assert Path(said["From asynchronous code"][0].split()[0]).name == "bear-night.jpg"
