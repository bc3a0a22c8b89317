"""Hits in a terminal that shows images and in one that does not, and the page that --open opens."""

from __future__ import annotations

import os
import pty
import stat
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from types import MappingProxyType
from unittest.mock import create_autospec

import click
import pytest
from PIL import Image

from cvsi_db.cli.preview import preview
from cvsi_db.cli.search_command import _open_page
from cvsi_db.search.result import Hit

DEVICE = b"\x1b[c"
"""The question what a terminal is."""

PICTURE = b"\x1b_Gi="
"""How a picture, or the question whether pictures are shown, begins in kitty's protocol."""


class Terminal:
    """The other end of a pseudo-terminal: keeps what is written, and answers two questions as its kind does."""

    def __init__(self, kind: str) -> None:
        self.written = b""
        self._kind = kind
        self._master, self.slave = pty.openpty()
        termios.tcsetwinsize(self.slave, (24, 80))
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            while data := os.read(self._master, 65536):
                self.written += data
                if data.endswith(DEVICE):
                    os.write(self._master, b"\x1b[?62;4;22c" if self._kind == "sixel" else b"\x1b[?62;22c")
                if b"a=q" in data and self._kind == "kitty":
                    os.write(self._master, b"\x1b_Gi=1;OK\x1b\\")
        except OSError:  # closed
            pass

    def close(self) -> str:
        self._thread.join(1)
        os.close(self._master)
        return self.written.decode()


@contextmanager
def terminal(kind: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """The process's streams are a terminal of that kind, which the library has not asked yet."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "textual_image"]:
        monkeypatch.delitem(sys.modules, name)
    made = Terminal(kind)
    with open(os.ttyname(made.slave), "w", encoding="utf-8") as out, open(os.ttyname(made.slave)) as given:
        for name, stream in {"stdout": out, "__stdout__": out, "stdin": given, "__stdin__": given}.items():
            monkeypatch.setattr(sys, name, stream)
        yield made
        os.close(made.slave)


@pytest.fixture
def hits(tmp_path: Path) -> list[Hit]:
    steering = tmp_path / "a\x1b[2Jb\nc\u202ed.png"
    Image.new("RGB", (32, 24), "red").save(steering)
    return [
        Hit(1, str(steering), "0" * 64, 0.5, MappingProxyType({})),
        Hit(2, str(tmp_path / "gone\x1b]0;x\x07.png"), "1" * 64, 0.25, MappingProxyType({})),
    ]


def labels(text: str) -> list[str]:
    return [line for line in text.splitlines() if ".png" in line]


def test_names_are_escaped_and_what_cannot_be_read_says_so(hits: list[Hit], tmp_path: Path) -> None:
    text = preview(hits, to_terminal=False, quiet=False)
    first, second, problem = labels(text)
    assert first == f"1. 0.5000  {tmp_path}/a\\u001b[2Jb\\nc\\u202ed.png"
    assert second == f"2. 0.2500  {tmp_path}/gone\\u001b]0;x\\u0007.png"
    assert problem.startswith("   (no preview: ")
    assert "\x1b" not in "".join(labels(text))
    assert "\x1b[38;2;255;0;0;48;2;255;0;0m▀" in text


@pytest.mark.parametrize(("kind", "drawn"), [("plain", "▀"), ("sixel", "\x1bP"), ("kitty", "\U0010eeee")])
def test_images_are_drawn_as_the_terminal_can(
    hits: list[Hit], kind: str, drawn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with terminal(kind, monkeypatch) as shown:
        text = preview(hits, to_terminal=True, quiet=False)
    sent = shown.close()
    assert drawn in text
    assert ("▀" in text) == (kind == "plain")
    assert (f"{PICTURE.decode()}" in sent) == (kind != "sixel")
    assert ("f=100" in sent) == (kind == "kitty")  # the picture itself, as PNG
    assert len(labels(text)) == 3
    assert capsys.readouterr().err == ""


def test_a_missing_library_is_told_once_in_a_terminal_only(
    hits: list[Hit], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with terminal("plain", monkeypatch):
        monkeypatch.setitem(sys.modules, "textual_image", None)
        assert "▀" in preview(hits, to_terminal=True, quiet=False)
        assert capsys.readouterr().err.count("pip install 'cvsi-db[preview]'") == 1
        preview(hits, to_terminal=True, quiet=True)
        preview(hits, to_terminal=False, quiet=False)
        assert capsys.readouterr().err == ""


def test_open_writes_the_page_for_its_owner_and_opens_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, browser = tmp_path / "asked", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > "{asked}"\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(browser))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("webbrowser._tryorder", None)
    _open_page("<p>the page", None)
    page = Path(asked.read_text().strip().removeprefix("file://"))
    assert page.read_text().strip() == "<p>the page"
    assert stat.S_IMODE(page.parent.stat().st_mode) == 0o700
    _open_page("<p>another", tmp_path / "with a space.html")
    assert asked.read_text().strip() == f"file://{tmp_path}/with%20a%20space.html"


def test_without_a_browser_the_page_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webbrowser.open", create_autospec(lambda url: None, return_value=False))
    with pytest.raises(click.ClickException, match=r"no browser could be started .*: open .*/a\.html yourself"):
        _open_page("<p>", tmp_path / "a.html")
