"""A tree of odd files: names, formats, damage, dates, sidecars, links, junk, each with what should become of it.

`make` writes it below a folder and returns, by path relative to it, what is expected of each file or folder: IMAGE, a
part of the reason why it is not taken (FAILED or LEFT_OUT), SIDECAR, or BELOW a folder that is not entered.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.ingest.files import KINDS, WITH_EXIF, dng, encoded, photograph, png_chunk, png_of

NAMES = (
    "plain.jpg", "UPPER.JPG", "two words.png", "ünïcödé.png", "u\u0308 decomposed.png", "写真.jpg", "صورة.jpg",
    "😀 :smile:.png",
    "IMG [edited].jpg", "a [.jpg", "[bold]x[_bold].jpg", "-rf.jpg", "--help.png", "'quoted'.jpg", 'double".jpg',
    "back\\slash.jpg", "new\nline.jpg", "tab\there.jpg", "esc\x1b[31m.jpg", "rtl\u202egpj.jpg", "zero\u200bwidth.jpg",
    "100%.jpg", "{brace}.jpg", "$HOME.jpg", "`ls`.jpg", "a;b.jpg", "a&b.jpg", "a|b.jpg", "*.jpg", "?.jpg", "#hash.jpg",
    "~tilde.jpg", "trailing .jpg", "dots...jpg", "double.tar.jpg", "photo.jpeg~", "photo.jpg.bak", "no suffix", "x.jpe",
    "x.jfif", "é" * 120 + ".jpg", "n" * 250 + ".jpg", "CON.jpg", "aux.png", "nul\u00a0.jpg",
    "'; DROP TABLE images; --.jpg",
    "%s%n.jpg", "\u2028line.jpg", "x" + "\u0301" * 20 + ".jpg", "a.JPG.png", "1.5.jpg",
)  # fmt: skip
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F", "HSV", "LAB", "YCbCr", "PA")
NOT_IMAGES = {
    "film.mp4": "video/mp4", "film.mov": "video/quicktime", "film.avi": "not an image", "song.mp3": "audio/mpeg",
    "paper.pdf": "application/pdf", "drawing.svg": "a format that is not read", "icon.ico": "a format that is not read",
    "layers.psd": "not", "notes.txt": "text/plain", "data.json": "application/json", "table.csv": "text/csv",
    "page.html": "text/html", "archive.zip": "application/zip", "IMG_1.AAE": "not an image",
    "Thumbs.db": "not an image", "desktop.ini": "not an image", "nothing": "not an image", "sheet.xlsx": "not an image",
    "IMG_1.THM~": "not an image", "picasa.ini": "not an image", "x.eps": "not an image", "x.tga": "not an image",
    "x.ppm": "a format that is not read",
    "x.webm": "video/webm", "x.doc": "application/msword", "x.py": "text/x-python", "x.log": "not an image",
}  # fmt: skip
JUNK = {
    "@eaDir": "Synology", "__MACOSX": "macOS", ".thumbnails": "thumbnails", ".AppleDouble": "macOS", "#recycle": "NAS",
    "$RECYCLE.BIN": "Windows", ".Trash": "deleted", ".Trash-1000": "deleted", ".Trashes": "deleted",
    ".@__thumb": "QNAP",
    "@Recycle": "NAS", "System Volume Information": "Windows", "lost+found": "file system check",
    ".git": "hidden folder",
    ".hidden": "hidden folder", "#snapshot": "snapshots",
}  # fmt: skip
EXIF_DATES = {
    "2024:10:31 12:00:01": "2024-10-31T12:00:01", "2024-10-31 12:00:01": "2024-10-31T12:00:01",
    "2024/10/31 12:00:01": "2024-10-31T12:00:01", "2024:10:31": "2024-10-31T00:00:00",
    "2024:10:31 12:00:60": "2024-10-31T12:00:59",
    "2024-10-31T12:00:01.25+02:00": "2024-10-31T12:00:01.250000", "2024:1:5 7:08:09": "2024-01-05T07:08:09",
    "0000:00:00 00:00:00": None, "    :  :     :  :  ": None, "2024:02:30 00:00:00": None, "garbage": None, "": None,
}  # fmt: skip
NAMED_DATES = {
    "IMG_20241031_120001.jpg": "2024-10-31T12:00:01", "PXL_20241031_120001123.jpg": "2024-10-31T12:00:01.123000",
    "IMG-20241031-WA0001.jpg": "2024-10-31T00:00:00", "2024-10-31 12.00.01.jpg": "2024-10-31T12:00:01",
    "Screenshot_20241031-120001.png": "2024-10-31T12:00:01", "20241031120001.jpg": "2024-10-31T12:00:01",
    "Screenshot 2024-10-31 at 1.02.03 PM.png": "2024-10-31T13:02:03", "DSC_0001.jpg": None, "20241341_000000.jpg": None,
    "WhatsApp Image 2024-10-31 at 12.00.01.jpeg": "2024-10-31T12:00:01", "scan 000000201012.jpg": None,
}  # fmt: skip

IMAGE, SIDECAR, BELOW = "image", "sidecar", "below"


@dataclass(frozen=True)
class Expected:
    """What should become of a file: `kind` IMAGE, FAILED, LEFT_OUT, SIDECAR or BELOW, with a part of its `reason`.

    `columns` are values that its row should have.
    """

    kind: str
    reason: str = ""
    columns: dict[str, Any] = field(default_factory=dict)


def xmp(keywords: tuple[str, ...] = (), attributes: str = "") -> bytes:
    """The bytes of a sidecar with these keywords and attributes."""
    items = "".join(f"<rdf:li>{word}</rdf:li>" for word in keywords)
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/" '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/" {attributes}><dc:subject><rdf:Bag>{items}</rdf:Bag></dc:subject>'
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


class _Tree:
    def __init__(self, root: Path) -> None:
        self.root, self.expected, self._seed = root, dict[str, Expected](), 0

    def picture(self) -> Image.Image:
        """Another picture at each call."""
        self._seed += 1
        pixels = np.random.default_rng(self._seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
        return Image.fromarray(pixels).resize((48, 36), Image.Resampling.BICUBIC)

    def put(self, name: str, data: bytes, kind: str, reason: str = "", **columns: Any) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.expected[name] = Expected(kind, reason, columns)
        return path

    def expect(self, name: str, kind: str, reason: str = "", **columns: Any) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.expected[name] = Expected(kind, reason, columns)
        return path


FAILED, LEFT_OUT = "failed", "left out"


def make(root: Path, outside: Path) -> dict[str, Expected]:
    """Write the tree; `outside` is a folder beside it that a link leads to."""
    tree = _Tree(root)
    for part in (_names, _formats, _damage, _metadata, _sidecars, _junk, _others):
        part(tree)
    _links(tree, outside)
    return tree.expected


def _names(tree: _Tree) -> None:
    for name in NAMES:
        kind = "PNG" if name.endswith("png") else "JPEG"
        if len(os.fsencode(name)) <= 255 and not name.startswith("."):
            tree.put(f"names/{name}", encoded(tree.picture(), kind), IMAGE)
    broken = os.fsdecode(b"names/caf\xe9.jpg")
    tree.put(broken, encoded(tree.picture(), "JPEG"), FAILED, "not UTF-8")
    tree.put(os.fsdecode(b"names/caf\xe9.txt"), b"x", LEFT_OUT, "not an image")
    for name in ("png named.jpg", "jpg named.png", "jpg named.txt", "webp named.mp4"):
        kind = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}[name.split()[0]]
        tree.put(f"names/{name}", encoded(tree.picture(), kind), IMAGE, format=kind.lower())


def _formats(tree: _Tree) -> None:
    for mode in MODES:
        picture = tree.picture()
        converted = Image.fromarray(np.asarray(picture.convert("L"), np.uint16) * 256) if mode == "I;16" else None
        for kind in ("TIFF", "PNG"):
            try:
                data = encoded(converted or picture.convert(mode), kind)
            except (OSError, ValueError):
                continue
            tree.put(f"formats/{mode.replace(';', '')}.{kind.lower()}", data, IMAGE, width=48, height=36)
    for kind in KINDS:
        for size in ((1, 1), (17, 3), (300, 40)):
            data = encoded(tree.picture().resize(size), kind)
            tree.put(f"formats/{size[0]}.{kind.lower()}", data, IMAGE, format=kind.lower(), width=size[0])
    more = {
        "JPEG": {"progressive": True},
        "PNG": {"interlace": 1},
        "TIFF": {"big_tiff": True},
        "WEBP": {"lossless": True},
    }
    for kind, options in more.items():
        tree.put(f"formats/other.{kind.lower()}", encoded(tree.picture(), kind, **options), IMAGE)
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        frames = (tree.picture(), tree.picture())
        tree.put(f"formats/moving.{kind.lower()}", encoded(tree.picture(), kind, frames), IMAGE)
    for kind in WITH_EXIF:
        for orientation in range(1, 9):
            exif = Image.Exif()
            exif[0x0112] = orientation
            sides = {"width": 36, "height": 48} if orientation > 4 else {"width": 48, "height": 36}
            data = encoded(tree.picture(), kind, exif=exif.tobytes())
            columns = sides if kind == "AVIF" and orientation == 1 else {"orientation": orientation, **sides}
            tree.put(f"formats/turned{orientation}.{kind.lower()}", data, IMAGE, **columns)
    for suffix, options in {"jp2": {}, "j2k": {"no_jp2": True}}.items():
        tree.put(f"formats/x.{suffix}", encoded(tree.picture(), "JPEG2000", **options), IMAGE, format="jpeg2000")


def _damage(tree: _Tree) -> None:
    for kind in KINDS:
        data = encoded(tree.picture().resize((300, 200)), kind)
        tree.put(f"damage/head.{kind.lower()}", data[:40], FAILED)
        tree.put(f"damage/half.{kind.lower()}", data[: len(data) // 2], FAILED)
        tree.put(f"damage/empty.{kind.lower()}", b"", FAILED, "empty file")
        tree.put(f"damage/text.{kind.lower()}", b"not found: 404", FAILED, "not an image")
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    tree.put("damage/bomb.png", png_of()[:8] + header + png_of()[33:], FAILED, "too large")
    tree.put("damage/page.jpg", b"<html><body>Sign in</body></html>", FAILED, "not an image")
    tree.put("damage/zeros.jpg", bytes(5000), FAILED, "not an image")
    tree.put("damage/empty", b"", LEFT_OUT, "empty file")


def _metadata(tree: _Tree) -> None:
    for number, (written, taken_at) in enumerate(EXIF_DATES.items()):
        for tag, source in (
            (0x9003, "exif:DateTimeOriginal"),
            (0x9004, "exif:DateTimeDigitized"),
            (0x0132, "exif:DateTime"),
        ):
            exif = Image.Exif()
            (exif if tag == 0x0132 else exif.get_ifd(0x8769))[tag] = written
            data = encoded(tree.picture(), "JPEG", exif=exif.tobytes())
            columns = {"taken_at": taken_at, "date_source": source if taken_at else None}
            tree.put(f"dates/{number} {tag:x}.jpg", data, IMAGE, **columns)
    for name, taken_at in NAMED_DATES.items():
        columns = {"taken_at": taken_at, "date_source": "name" if taken_at else None}
        tree.put(f"dates/{name}", encoded(tree.picture(), "PNG" if name.endswith("png") else "JPEG"), IMAGE, **columns)
    for number, encoding in enumerate(("utf-8", "latin-1", "utf-16")):
        make, placeholder = "Caméra".encode(encoding), b"~" * 20
        exif = Image.Exif()
        exif[0x0110] = placeholder.decode()
        data = encoded(tree.picture(), "JPEG", exif=exif.tobytes().replace(placeholder, make.ljust(20, b"\0")))
        tree.put(f"cameras/{number}.jpg", data, IMAGE, camera="Caméra")
    places: dict[str, tuple[Any, Any]] = {
        "paris": ({1: "N", 2: (48, 51, 30), 3: "E", 4: (2, 17, 40)}, 48.8583333),
        "null island": ({1: "N", 2: (0, 0, 0), 3: "E", 4: (0, 0, 0)}, None),
        "off the globe": ({1: "N", 2: (95, 0, 0), 3: "E", 4: (2, 17, 40)}, None),
        "no half": ({2: (48, 51, 30), 4: (2, 17, 40)}, None),
    }
    for name, (gps, latitude) in places.items():
        exif = Image.Exif()
        exif.get_ifd(0x8825).update(gps)
        tree.put(f"places/{name}.jpg", encoded(tree.picture(), "JPEG", exif=exif.tobytes()), IMAGE, latitude=latitude)


def _sidecars(tree: _Tree) -> None:
    said = xmp(("sea", "größer"), 'xmp:Rating="4" exif:DateTimeOriginal="2024-05-06T07:08:09"')
    columns: dict[str, Any] = {"rating": 4, "taken_at": "2024-05-06T07:08:09", "date_source": "sidecar"}
    for name, beside in {"a.jpg": "a.jpg.xmp", "b.jpg": "b.xmp", "c.JPG": "c.JPG.XMP", "d.png": "D.XMP"}.items():
        tree.put(f"sidecars/{name}", encoded(tree.picture(), "JPEG"), IMAGE, tags=("sea", "größer"), **columns)
        tree.put(f"sidecars/{beside}", said, SIDECAR)
    tree.put("sidecars/both.jpg", encoded(tree.picture(), "JPEG"), IMAGE, rating=5, tags=("one", "two"))
    tree.put("sidecars/both.jpg.xmp", xmp(("one",), 'xmp:Rating="5"'), SIDECAR)
    tree.put("sidecars/both.xmp", xmp(("two",), 'xmp:Rating="1"'), SIDECAR)
    broken = {
        "syntax": b"<broken", "type": b'<!DOCTYPE x [<!ENTITY a "boom">]><x>&a;</x>', "long": b" " * (2**20 + 1),
        "bytes": b"\xff\xfe\xff", "empty": b"",
        "laughs": b'<!DOCTYPE l [<!ENTITY a "&b;&b;"><!ENTITY b "ha">]><l>&a;</l>',
    }  # fmt: skip
    for name, data in broken.items():
        tree.put(f"sidecars/{name}.jpg", encoded(tree.picture(), "JPEG"), IMAGE, rating=None, tags=())
        tree.put(f"sidecars/{name}.jpg.xmp", data, LEFT_OUT, "an XMP sidecar that cannot be read")
    for name in ("orphan.xmp", "notes.txt.xmp", "gone.jpg.xmp"):
        tree.put(f"sidecars/{name}", said, LEFT_OUT, "an XMP sidecar of no image here")


def _junk(tree: _Tree) -> None:
    for name, reason in JUNK.items():
        tree.expect(f"junk/{name}", LEFT_OUT, reason).mkdir()
        for inside in ("thumb.jpg", "deeper/thumb.png"):
            tree.put(f"junk/{name}/{inside}", encoded(tree.picture(), "JPEG"), BELOW)
    tree.expect("junk/android", LEFT_OUT, ".nomedia").mkdir()
    tree.put("junk/android/.nomedia", b"", BELOW)
    tree.put("junk/android/x.jpg", encoded(tree.picture(), "JPEG"), BELOW)
    tree.put("junk/._photo.jpg", encoded(tree.picture(), "JPEG"), LEFT_OUT, "macOS metadata")
    tree.put("junk/.DS_Store", b"x", LEFT_OUT, "a hidden file")
    tree.put("junk/.cvsiignore", b"private/\n*.tmp.jpg\n", LEFT_OUT, "a hidden file")
    tree.expect("junk/private", LEFT_OUT, "excluded by a .cvsiignore file").mkdir()
    tree.put("junk/private/x.jpg", encoded(tree.picture(), "JPEG"), BELOW)
    tree.put("junk/x.tmp.jpg", encoded(tree.picture(), "JPEG"), LEFT_OUT, "excluded by a .cvsiignore file")


def _others(tree: _Tree) -> None:
    for name, reason in NOT_IMAGES.items():
        tree.put(f"others/{name}", b"no image in here", LEFT_OUT, reason)
    os.mkfifo(tree.expect("others/pipe", LEFT_OUT, "not a regular file"))
    os.mkfifo(tree.expect("others/pipe.jpg", FAILED, "not a regular file"))
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.getcwd()
        os.chdir(tree.root / "others")  # the address of a socket is short
        try:
            listening.bind("s")
        finally:
            os.chdir(here)
    tree.expect("others/s", LEFT_OUT, "not a regular file")


def _links(tree: _Tree, outside: Path) -> None:
    tree.put("links/real.jpg", encoded(tree.picture(), "JPEG"), IMAGE)
    link: Callable[[str, str | Path], None] = lambda name, target: (tree.root / name).symlink_to(target)  # noqa: E731
    for name, target in {"soft.jpg": "real.jpg", "no suffix": "real.jpg", "far.png": "../names/plain.jpg"}.items():
        tree.expect(f"links/{name}", IMAGE)
        link(f"links/{name}", target)
    os.link(tree.root / "links/real.jpg", tree.expect("links/hard.jpg", IMAGE))
    for name, kind, reason in (
        ("dangling.jpg", FAILED, "no such file"),
        ("dangling.txt", LEFT_OUT, "a link to nothing"),
        ("itself", LEFT_OUT, "symbolic links"),
    ):
        tree.expect(f"links/{name}", kind, reason)
        link(f"links/{name}", name if name == "itself" else "nowhere")
    (tree.root / "links/again").symlink_to("..")  # a loop, of folders that were walked
    outside.mkdir(parents=True, exist_ok=True)
    (outside / "there.jpg").write_bytes(encoded(tree.picture(), "JPEG"))
    link("links/elsewhere", outside)
    tree.expected["links/elsewhere/there.jpg"] = Expected(IMAGE)
    (tree.root / "copies").mkdir()
    for number in range(3):
        name = f"copies/plain {number}.jpg"
        tree.put(name, (tree.root / "names/plain.jpg").read_bytes(), IMAGE)


def add_extras(root: Path) -> dict[str, Expected]:
    """Add raw files and JPEG XL, which need libraries that may be missing; returns what is expected of them."""
    import pillow_jxl  # noqa: F401  # teaches Pillow to write them

    tree = _Tree(root)
    tree._seed = 10_000
    preview = encoded(photograph(480, 360), "JPEG")
    small = encoded(photograph(160, 120), "JPEG")
    sides = {"width": 512, "height": 384, "format": "raw"}
    for suffix in ("dng", "NEF", "cr2", "arw"):
        tree.put(f"raw/x.{suffix}", dng(preview) + suffix.encode(), IMAGE, camera="Acme Sensor 1", **sides)
    for orientation in (3, 6, 8):
        turned = {"width": 384, "height": 512} if orientation != 3 else sides
        tree.put(
            f"raw/{orientation}.dng",
            dng(preview, orientation=orientation),
            IMAGE,
            orientation=orientation,
            **{**sides, **turned},
        )
    tree.put("raw/thumbnail.dng", dng(small), IMAGE, **sides)
    tree.put("raw/none.dng", dng(None), IMAGE, taken_at="2024-05-06T07:08:09", **sides)
    tree.put("raw/short.dng", dng(preview)[:3000], FAILED, "damaged")
    tree.put("raw/other.cr2", b"II*\0nothing" * 30, FAILED, "LibRaw does not know")
    tree.put("raw/letter.nef", b"Dear all,", LEFT_OUT, "though its name says otherwise")
    for name, options in {"lossy": {}, "lossless": {"lossless": True}}.items():
        tree.put(f"jxl/{name}.jxl", encoded(tree.picture(), "JXL", **options), IMAGE, format="jxl", width=48, height=36)
    tree.put("jxl/short.jxl", encoded(tree.picture(), "JXL")[:60], FAILED)
    return tree.expected
