"""Decoding of whole files: reduced JPEGs against full ones, HEIC and AVIF, limits, threads, and mutated files."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import threading
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cvsi_db.errors import ImageError, UsageError
from cvsi_db.ingest import pillow_guard
from cvsi_db.ingest.decode import MAX_SIDE, decode_bytes, read_picture
from cvsi_db.ingest.pillow_guard import pixels_when_opened
from cvsi_db.models.bundle import load_bundle
from tests.fakes import COLOURS, make_picture
from tests.ingest.files import KINDS, dng, encoded, photo_jpeg, photograph, png_chunk, png_of

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "sample_gallery").glob("*.png"))[:1]


def reason(data: bytes) -> str:
    with pytest.raises(ImageError) as error:
        read_picture(data)
    return error.value.reason


# --- reduced JPEGs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "size"), [(96, (504, 378)), (224, (1008, 756)), (384, (1024, 768))])
def test_a_jpeg_is_decoded_at_the_smallest_scale_with_twice_the_models_side(side: int, size: tuple[int, int]) -> None:
    picture = decode_bytes(photo_jpeg(), "id", "it", side=side)
    assert (picture.image.size, picture.width, picture.height) == (size, 4032, 3024)


@pytest.mark.parametrize("size", [(1600, 190), (190, 1600), (383, 1000), (8, 8)])
def test_the_shorter_side_is_never_less_than_twice_the_models(size: tuple[int, int]) -> None:
    picture = decode_bytes(encoded(make_picture("red", size), "JPEG"), "id", "it", side=96)
    whole = read_picture(encoded(make_picture("red", size), "PNG"))
    assert picture.image.size == whole.image.size


def test_only_a_jpeg_depends_on_the_side_of_the_models() -> None:
    for kind in set(KINDS) - {"JPEG", "GIF"}:
        data = encoded(make_picture("red", (1600, 900)), kind)
        assert decode_bytes(data, "id", "it", side=96).image.size == (1024, 576)


def blown_up(path: Path) -> Image.Image:
    """A sample picture at nine megapixels."""
    with Image.open(path) as image:
        return image.convert("RGB").resize((3000, round(3000 * image.height / image.width)), Image.Resampling.LANCZOS)


@pytest.mark.parametrize("path", [None, *SAMPLES], ids=lambda path: path.stem if path else "photograph")
def test_the_starters_embedding_of_a_reduced_jpeg_is_that_of_the_full_one(path: Path | None) -> None:
    encoder = load_bundle("starter", "cpu").encoder
    data = encoded(blown_up(path), "JPEG", quality=90) if path else photo_jpeg()
    full = Image.open(io.BytesIO(data)).convert("RGB")
    reduced = [decode_bytes(data, "id", "it", side=side).image for side in (96, 224, MAX_SIDE)]
    vectors = encoder.encode_images([full, *reduced])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert (vectors[1:] @ vectors[0]).min() >= 0.999


# --- HEIC and AVIF --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_media_files_are_turned_once(kind: str, orientation: int) -> None:
    """Their boxes turn them, and their EXIF says it once more."""
    upright = Image.new("RGB", (80, 48), (200, 200, 200))
    for place, colour in zip([(0, 0), (56, 0), (0, 24), (56, 24)], ["red", "green", "blue", "black"], strict=True):
        upright.paste(COLOURS[colour], (*place, place[0] + 24, place[1] + 24))
    undone = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    stored = upright.transpose(Image.Transpose(undone[orientation])) if orientation in undone else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = read_picture(encoded(stored, kind, exif=exif.tobytes(), quality=95))
    assert (picture.width, picture.height) == picture.image.size == (80, 48)
    found = [picture.image.getpixel(place) for place in ((8, 8), (72, 8), (8, 40), (72, 40))]
    expected = [COLOURS[colour] for colour in ("red", "green", "blue", "black")]
    assert np.abs(np.subtract(found, expected)).max() < 40  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "WEBP"])
def test_alpha_is_on_white(kind: str) -> None:
    image = Image.new("RGBA", (64, 48), (200, 0, 0, 0))
    image.paste((0, 0, 200, 255), (0, 0, 32, 48))
    flat = read_picture(encoded(image, kind, quality=95)).image
    assert np.abs(np.subtract(flat.getpixel((10, 20)), (0, 0, 200))).max() < 16  # type: ignore[arg-type]
    assert np.abs(np.subtract(flat.getpixel((54, 20)), (255, 255, 255))).max() < 16  # type: ignore[arg-type]


def test_the_primary_image_of_several_is_decoded() -> None:
    frames = [make_picture("red"), make_picture("blue")]
    data = encoded(frames[0], "HEIF", more=(frames[1],), primary_index=1)
    assert np.abs(np.subtract(read_picture(data).image.getpixel((9, 9)), COLOURS["blue"])).max() < 16  # type: ignore[arg-type]


def test_an_mpo_file_is_a_jpeg() -> None:
    picture = read_picture(encoded(make_picture("red", (2000, 1500)), "MPO", more=(make_picture("blue"),)))
    assert (picture.format, picture.width, picture.image.size) == ("jpeg", 2000, (1024, 768))
    assert np.abs(np.subtract(picture.image.getpixel((9, 9)), COLOURS["red"])).max() < 8  # type: ignore[arg-type]


# --- limits ---------------------------------------------------------------------------------------------------------


def lying(kind: str, width: int, height: int) -> bytes:
    """A small file whose header claims another size."""
    data = bytearray(encoded(make_picture("red", (64, 48)), kind))
    for value, told, length, order in {
        "JPEG": ((48, height, 2, "big"), (64, width, 2, "big")),
        "GIF": ((64, width, 2, "little"), (48, height, 2, "little")),
        "BMP": ((64, width, 4, "little"), (48, height, 4, "little")),
        "HEIF": ((64, width, 4, "big"), (48, height, 4, "big")),
        "AVIF": ((64, width, 4, "big"), (48, height, 4, "big")),
    }[kind]:
        at = data.index(b"\xff\xc0") if kind == "JPEG" else max(data.find(b"ispe"), 0)
        while (at := data.find(value.to_bytes(length, order), at)) >= 0:  # type: ignore[arg-type]
            data[at : at + length] = told.to_bytes(length, order)  # type: ignore[arg-type]
            at += length
            if kind in ("JPEG", "BMP"):
                break
    return bytes(data)


@pytest.mark.parametrize("kind", ["JPEG", "GIF", "BMP", "HEIF"])
def test_a_decompression_bomb_is_refused_in_every_format(kind: str) -> None:
    assert (
        reason(lying(kind, 60_000, 60_000)) == "too large: 3600 megapixels, the limit is 178 (--max-pixels raises it)"
    )


def test_the_avif_library_refuses_decompression_bombs() -> None:
    assert reason(lying("AVIF", 60_000, 60_000)) == "not an image"


def test_a_webp_is_refused_before_its_decoder_takes_memory() -> None:
    """A canvas of 256 megapixels is within what Pillow opens, and takes gigabytes when it does."""
    side = (15_999).to_bytes(3, "little")
    head = b"RIFF" + (1000).to_bytes(4, "little") + b"WEBPVP8X" + (10).to_bytes(4, "little") + bytes(4) + side * 2
    assert reason(head.ljust(1008, b"\0")) == "too large: 256 megapixels, the limit is 178 (--max-pixels raises it)"


@pytest.mark.parametrize("options", [{"lossless": True}, {}, {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}])
def test_the_size_of_every_kind_of_webp(options: dict[str, Any]) -> None:
    assert pixels_when_opened(encoded(make_picture("red", (300, 200)), "WEBP", **options)) == 60_000


def test_a_progressive_jpeg_with_too_many_scans_is_refused() -> None:
    data = encoded(photograph(800, 600), "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    assert reason(data[:-2] + scan[:60] * 9000 + data[-2:]) == "damaged (too many scans for its size)"


@pytest.mark.parametrize("name", [b"zTXt", b"iCCP"])
def test_a_compressed_chunk_that_expands_too_much_is_not_unpacked(name: bytes) -> None:
    chunk = png_chunk(name, b"name\0\0" + zlib.compress(bytes(64 * 2**20)))
    found = reason(png_of(chunk))
    assert found.startswith("damaged (Decompressed data too large")


def test_compressed_text_that_is_too_long_is_not_kept() -> None:
    chunks = [png_chunk(b"tEXt", b"a\0" + b"x" * 2**20) for _ in range(70)]
    assert reason(png_of(*chunks)).startswith("damaged (Too much memory used in text chunks")


def test_a_tiff_directory_that_repeats_the_same_bytes_is_bounded() -> None:
    """As a TIFF and as EXIF: 4,000 tags of 60,000 bytes each would be 240 megabytes."""
    entries = b"".join(
        (40_000 + number).to_bytes(2, "little") + b"\7\0" + (60_000).to_bytes(4, "little") + bytes(4)
        for number in range(4000)
    )
    block = b"II*\0\x08\0\0\0" + (4000).to_bytes(2, "little") + entries + bytes(4)
    assert (
        read_picture(encoded(make_picture(), "WEBP", exif=b"Exif\0\0" + block.ljust(64_000, b"x"))).metadata.camera
        is None
    )
    assert reason(block.ljust(64_000, b"x")).startswith(("not an image", "damaged"))


def test_a_large_palette_image_is_reduced() -> None:
    image = Image.new("P", (3000, 2000), 1)
    image.putpalette([0, 0, 0, 0, 90, 0])
    picture = read_picture(encoded(image, "GIF"))
    assert (picture.image.size, picture.image.getpixel((9, 9))) == ((1024, 683), (0, 90, 0))


# --- threads --------------------------------------------------------------------------------------------------------


def test_threads_decode_as_one_does_and_leave_warnings_as_they_are() -> None:
    files = [encoded(photograph(200 + 8 * number, 160, number), kind) for number, kind in enumerate(KINDS * 4)]
    alone = [decode_bytes(data, "id", "it").image.tobytes() for data in files]
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda data: decode_bytes(data, "id", "it").image.tobytes(), files))
    assert together == alone
    assert list(warnings.filters) == before


def test_decoding_raises_and_prints_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    large = png_of(size=(100, 90))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 8_000)
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(io.BytesIO(large))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_picture(large).width == 100


def test_very_large_images_are_decoded_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from cvsi_db.ingest import pillow_guard

    monkeypatch.setattr(pillow_guard, "_GIANT", 100)
    with pillow_guard._ONE_GIANT_AT_A_TIME:
        waiting = threading.Thread(target=read_picture, args=(encoded(make_picture(), "PNG"),), daemon=True)
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
    waiting.join(10)
    assert not waiting.is_alive()


# --- mutated files --------------------------------------------------------------------------------------------------


def fuzzed(count: int, seed: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.ingest.fuzzing", str(count), str(seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("count", [400, pytest.param(5000, marks=pytest.mark.slow)])
def test_mutated_files_give_a_picture_or_an_image_error(count: int) -> None:
    """Never another error, no crash, no long wait, no memory without end: the grown peak is in megabytes."""
    found = fuzzed(count, seed=count)
    assert found["strange"] == []
    assert sum(found["reasons"].values()) == count
    assert all(found["reasons"].get(outcome, 0) > count // 20 for outcome in ("a picture", "truncated", "not an image"))
    assert not {"", "an unsound picture"}.intersection(found["reasons"])
    assert found["longest"] < 5
    assert found["grown"] < 1000


def test_the_same_bytes_give_the_same_pixels() -> None:
    digests = {hashlib.sha256(read_picture(photo_jpeg(800, 600)).image.tobytes()).hexdigest() for _ in range(3)}
    assert len(digests) == 1


# --- formats of extras ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"no_jp2": True}])
def test_a_jpeg_2000(options: dict[str, bool]) -> None:
    picture = read_picture(encoded(photograph(70, 50), "JPEG2000", **options))
    assert (picture.format, picture.width, picture.height, picture.image.size) == ("jpeg2000", 70, 50, (70, 50))
    difference = np.subtract(picture.image, photograph(70, 50), dtype=np.int16)
    assert np.abs(difference).mean() < 1  # lossless, but for the colours' rounding


def test_the_size_of_a_jpeg_xl_is_known_before_it_is_decoded(tmp_path: Path) -> None:
    """Its decoder takes the memory for all pixels when it opens a file."""
    pytest.importorskip("pillow_jxl")
    for size in [(1, 1), (8, 8), (16, 256), (300, 200), (1920, 1080), (640, 480), (513, 7), (9000, 9)]:
        assert pixels_when_opened(encoded(Image.new("RGB", size), "JXL")) == size[0] * size[1]
    exif = Image.Exif()
    exif[0x0110] = "Box"
    boxed = encoded(photograph(70, 50), "JXL", exif=exif.tobytes())  # in a container
    assert (pixels_when_opened(boxed), boxed[4:7]) == (3500, b"JXL")
    assert read_picture(boxed).metadata.camera == "Box"
    huge = b"\xff\x0a" + (0 | 3 << 1 | (2**30 - 1) << 3).to_bytes(6, "little") + bytes(20)
    assert pixels_when_opened(huge) > 10**9
    (tmp_path / "x.jxl").write_bytes(huge)
    with pytest.raises(ImageError, match=r"too large: \d+ megapixels"):
        read_picture(tmp_path / "x.jxl")


def test_a_jpeg_xl_is_turned_by_its_codestream_alone() -> None:
    pytest.importorskip("pillow_jxl")
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = read_picture(encoded(photograph(70, 50), "JXL", exif=exif.tobytes()))
    assert (picture.width, picture.height, picture.metadata.orientation) == (70, 50, None)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_raw_file_is_its_preview_turned_as_the_file_says(tmp_path: Path, orientation: int) -> None:
    pytest.importorskip("rawpy")
    preview = photograph(480, 360)
    (tmp_path / "x.dng").write_bytes(dng(encoded(preview, "JPEG", quality=95), orientation=orientation))
    picture = read_picture(tmp_path / "x.dng")
    sides = (384, 512) if orientation > 4 else (512, 384)
    assert (picture.format, picture.width, picture.height) == ("raw", *sides)
    assert (picture.metadata.camera, picture.metadata.taken_at) == ("Acme Sensor 1", "2024-05-06T07:08:09")
    assert picture.metadata.orientation == orientation
    turned = preview.rotate({1: 0, 3: 180, 6: -90, 8: 90}[orientation], expand=True)
    assert picture.image.size == turned.size
    assert np.abs(np.subtract(picture.image, turned, dtype=np.int16)).mean() < 6


@pytest.mark.parametrize("preview", [None, (160, 120)])
def test_a_raw_file_without_a_large_preview_is_developed(tmp_path: Path, preview: tuple[int, int] | None) -> None:
    pytest.importorskip("rawpy")
    small = None if preview is None else encoded(photograph(*preview), "JPEG")
    (tmp_path / "x.nef").write_bytes(dng(small, orientation=6))
    picture = read_picture(tmp_path / "x.nef")
    assert (picture.image.size, picture.width, picture.height) == ((192, 256), 384, 512)
    assert picture.metadata.orientation == 6
    grey = np.asarray(picture.image.convert("L"), np.int16)
    assert grey[230].mean() > grey[20].mean() + 50  # the sensor's right is the bottom of the upright picture


def test_a_raw_file_by_its_bytes_alone_is_the_tiff_that_it_begins_with(tmp_path: Path) -> None:
    """Without a name nothing tells: the preview's strip is what a TIFF reader finds."""
    assert read_picture(dng(encoded(photograph(480, 360), "JPEG"))).format == "tiff"


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"II*\0" * 200, "a raw file of a kind that LibRaw does not know"), (dng(None)[:3000], "damaged")],
)
def test_a_raw_file_that_cannot_be_read(tmp_path: Path, data: bytes, said: str) -> None:
    pytest.importorskip("rawpy")
    (tmp_path / "x.cr2").write_bytes(data)
    with pytest.raises(ImageError, match=said):
        read_picture(tmp_path / "x.cr2")


def test_more_pixels_are_read_when_they_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pillow_guard._allowed, "pixels", 1000)  # restored at the end
    data = encoded(photograph(70, 50), "PNG")
    with pytest.raises(ImageError, match=r"0\.0035 megapixels, the limit is 0\.001 \(--max-pixels raises it\)"):
        read_picture(data)
    pillow_guard.allow_pixels(3500)
    assert read_picture(data).width == 70
    with pytest.raises(UsageError, match="cannot limit images to 0 pixels"):
        pillow_guard.allow_pixels(0)
