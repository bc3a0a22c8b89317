"""Results as text: tables that suit the terminal, text without what steers one."""

from __future__ import annotations

import json

import pytest

from cvsi_db.cli.list_command import _emit_each
from cvsi_db.cli.output import as_csv, as_json_lines, as_table, labelled, printable

ROWS = [
    [1, 0.5, "+0.100", "+0.200", "holiday/a rather long folder/IMG [edited] :smile: 1.jpg"],
    [2, 0.25, "0", "0", "b"],
]
COLUMNS = ["#", "score", "pseudo_token", "edited_captions", "path"]


def table(width: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    numbers, spare = COLUMNS[:-1], COLUMNS[2:-1]
    return as_table(COLUMNS, ROWS, numbers=numbers, spare=spare).splitlines()


def test_a_path_is_never_broken_nor_read_as_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    for width in (50, 80, 120, 200):
        lines = table(width, monkeypatch)
        assert lines[2].endswith("holiday/a rather long folder/IMG [edited] :smile: 1.jpg")
        assert lines[3].rstrip().endswith("b")
        assert len(lines) == (4 if width == 200 or width == 120 else 5)


def test_a_long_value_goes_on_below_itself_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    value = "12 red cats, 3 blue dogs, 1 a very long name that is never broken, 2 more"
    assert labelled("tags", value) == f"tags         {value}"
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert labelled("tags", value).splitlines() == [
        "tags         12 red cats, 3 blue dogs,",
        "             1 a very long name that is never broken,",
        "             2 more",
    ]


def test_columns_without_room_are_left_out_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    wide, narrow = table(120, monkeypatch), table(80, monkeypatch)
    assert wide[0].split() == COLUMNS
    assert narrow[0].split() == ["#", "score", "path"]
    assert narrow[-1] == "(no room for pseudo_token, edited_captions: widen the terminal)"


def test_without_rows_a_table_says_so() -> None:
    assert as_table(["path"], []) == ""


def test_what_steers_a_terminal_is_escaped() -> None:
    assert printable("a\x1b[2Jb\x07\u202egpj.exe\udcff é 猫\n") == "a\\u001b[2Jb\\u0007\\u202egpj.exe\\udcff é 猫\n"
    assert "\\n" in as_table(["path"], [["a\nb"]])


def test_lines_of_json_are_a_document_each() -> None:
    lines = as_json_lines([{"a": 1}, {"a": "é\n"}]).splitlines()
    assert [json.loads(line) for line in lines] == [{"a": 1}, {"a": "é\n"}]


def test_rows_written_as_they_come_are_one_csv(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"path": f"{number},x", "tags": ["a"]} for number in range(2500)]
    _emit_each(iter(rows), "csv", "\n")
    assert capsys.readouterr().out == as_csv(("path", "tags"), [row.values() for row in rows])
