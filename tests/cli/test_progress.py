"""Progress in a terminal: counts and the time left at any width, and as much of the remark as there is room for."""

from __future__ import annotations

import re

import pytest

from cvsi_db.cli.progress import bars

REMARK = "12.2 images/s · 2 failed · [bold] waits for reading 9%, models 91%, writing 0%"


@pytest.mark.parametrize(("columns", "rest"), [(50, "12.2 i"), (80, "12.2 images/s · 2 failed · ["), (160, REMARK)])
def test_counts_and_time_are_shown_at_any_width(
    columns: int, rest: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # stderr counts as a terminal
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    with bars(("embedding", "captioning"), quiet=False) as shows:
        assert shows is not None
        shows[0](1200, 14000, REMARK)
    lines = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", capsys.readouterr().err).replace("\r", "\n").splitlines()
    shown = next(line for line in lines if "embedding" in line)
    assert re.search(r"━ +1200/14000 -:--:-- ", shown)
    assert rest in shown
    assert len(shown) <= columns


def test_nothing_is_shown_where_stderr_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with bars(("embedding",), quiet=False) as shows:
        assert shows is None
    assert capsys.readouterr() == ("", "")
