"""The one reader and the one writer of tables: every name round-trips, and spreadsheets are understood."""

import contextlib
import csv
import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from convae.errors import InputError
from convae.filesystem.tables import (
    delimiter_of,
    escape,
    from_cell,
    read_table,
    to_cell,
    unescape,
    write_table,
)

# What names are made of where they go wrong: signs of CSV, of formulas, of our own escapes, and odd bytes.
PIECES = st.sampled_from(
    [*"=+-@'\"\\,;\t\r\n |", "\r\n", "ud", "udcff", "\\udcff", "dc", "ff", "\udcff", "\udc80", "\ud83d",
     "\u2028", "\x85", "\x0b", "\ufeff", "sep=;", "a", "é", "\U0001f600", "1", ".png", "/"]
)  # fmt: skip
NAMES = st.one_of(
    st.lists(PIECES, min_size=1, max_size=8).map("".join),
    st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=20),
    st.binary(min_size=1, max_size=12).map(os.fsdecode).map(lambda name: name.replace("\0", "0")),
)
HEAD = ("name", "reason", "count")


def written(path: Path, names: list[str]) -> Path:
    with write_table(path, HEAD) as rows:
        for number, name in enumerate(names):
            rows.row((name, name[::-1], -number))
    return path


def read_back(path: Path) -> list[tuple[str, str, str]]:
    with read_table(path, HEAD) as rows:
        assert tuple(rows.names) == HEAD
        return [(from_cell(a), from_cell(b), c) for a, b, c in rows]


@given(st.lists(NAMES, min_size=1, max_size=5))
@example(["\r"])
@example(["\ufeffname"])
@example(["\\" + "\udcff", "\\udcff", "\\\\udcff", "udcff", "'\udcff", "'=x", "''=x"])
def test_every_name_comes_back(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    path = written(tmp_path_factory.getbasetemp() / "names.csv", names)
    expected = [(name, name[::-1], str(-number)) for number, name in enumerate(names)]
    assert read_back(path) == expected
    # Any other program sees valid UTF-8 and as many rows, and no cell of text that is a formula.
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, strict=True))
    assert [len(row) for row in rows] == [3] * (len(names) + 1)
    assert not [cell for row in rows for cell in row[:2] if cell[:1] in tuple("=+-@\t\r")]


@given(NAMES)
def test_escaping_is_undone_and_leaves_plain_names_alone(name: str) -> None:
    assert unescape(escape(name)) == name
    assert from_cell(to_cell(name)) == name
    escape(name).encode("utf-8")
    if "\\" not in name and name.isascii():
        assert escape(name) == name


def test_what_the_file_looks_like(tmp_path: Path) -> None:
    names = ["a.png", "-1.png", "'=x", "bad\udcff", 'q"u', "two\nlines", "cr\r", "a,b", "'quoted'"]
    written(tmp_path / "t.csv", names)
    lines = (tmp_path / "t.csv").read_bytes().decode()
    assert lines.startswith("name,reason,count\na.png,gnp.a,0\n'-1.png,gnp.1-,-1\n''=x,x='")
    assert "bad\\udcff,\\udcffdab,-3\n" in lines
    assert '"two\nlines","senil\nowt",-5\n"cr\r",' in lines
    assert lines.endswith("\n'quoted','detouq',-8\n")


def test_numbers_stay_numbers_and_nothing_is_an_empty_cell(tmp_path: Path) -> None:
    with write_table(tmp_path / "t.csv", ("name", "score", "p")) as rows:
        rows.row(("a", -0.5, None))
    assert (tmp_path / "t.csv").read_text() == "name,score,p\na,-0.5,\n"


TEXT = 'name,group\nmüll 0.png,1\n"a,b.png",2\n'


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (TEXT.encode(), "as it is"),
        (TEXT.encode("utf-8-sig"), "Excel's CSV UTF-8"),
        (TEXT.replace("\n", "\r\n").encode("utf-8-sig"), "the same with CRLF"),
        (TEXT.replace("\n", "\r").encode(), "the ends of lines of old Macs"),
        ((TEXT + "\n\n").encode(), "empty last lines"),
        ((TEXT + ",\n,\n").encode(), "empty last rows of a spreadsheet"),
        (TEXT.rstrip().encode(), "no end of the last line"),
        (b'name;group\nm\xc3\xbcll 0.png;1\na,b.png;2\n', "semicolons"),
        (b'name;group;\nm\xc3\xbcll 0.png;1;\na,b.png;2;\n', "an empty last column"),
        ("name\tgroup\r\nmüll 0.png\t1\r\na,b.png\t2\r\n".encode("utf-16"), "Excel's Unicode text"),
        ("name\tgroup\r\nmüll 0.png\t1\r\na,b.png\t2\r\n".encode(), "tabs"),
        (b'sep=;\r\nname;group\r\nm\xc3\xbcll 0.png;1\r\na,b.png;2\r\n', "Excel's own first line"),
        (b'name, group\nm\xc3\xbcll 0.png, 1\n"a,b.png", 2\n', "spaces behind commas"),
        (b'"name";"group"\n"m\xc3\xbcll 0.png";"1"\n"a,b.png";"2"\n', "all in quotes"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "UTF-16, big endian"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_spreadsheets_save_is_read(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "t.csv").write_bytes(data)
    with read_table(tmp_path / "t.csv", ("name", "group")) as rows:
        assert rows.names[:2] == ["name", "group"], why
        assert [cells[:2] for cells in rows] == [["müll 0.png", "1"], ["a,b.png", "2"]], why


def test_the_sign_between_cells_is_that_of_the_known_columns() -> None:
    assert delimiter_of("name,label;a;b;c", ("name",)) == ","
    assert delimiter_of("name;label,a,b,c", ("name",)) == ";"
    assert delimiter_of("x;y,z\tname\tlabel", ("name", "label")) == "\t"
    assert delimiter_of("a;b;c,d") == ";"
    assert delimiter_of("") == ","


def test_spaces_that_belong_to_a_name_stay(tmp_path: Path) -> None:
    assert read_back(written(tmp_path / "t.csv", [" a ", "  "]))[0] == (" a ", " a ", "0")


def read_name_column(path: Path) -> None:
    with read_table(path, HEAD, label="--groups t.csv") as rows:
        rows.column("name")
        list(rows)


def faulty(path: Path) -> str:
    with pytest.raises(InputError) as raised:
        read_name_column(path)
    return str(raised.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"name,group\nm\xfcll.png,1\n", "is not UTF-8 (byte 0xfc): save it as 'CSV UTF-8' or"),
        ("name,group\na,1\n".encode("utf-16-le"), "is not UTF-8: save it as"),
        ("name,group\na,1\n".encode("utf-32"), "is not UTF-8: save it as"),
        ("name,group\na,1\n".encode("utf-16")[:-1], "is not UTF-8"),
        (b"name,group\na,1\nb\n", "line 3 has 1 cells and the first 2"),
        (b"name,group\na,b.png,1\n", "line 2 has 3 cells and the first 2; a name with the sign that"),
        (b'name,group\n"a,1\n', "is not a CSV file: unexpected end of data"),
        (b'name,group\n"a"b,1\n', "is not a CSV file: ',' expected after '\"'"),
        (b"name,name\na,1\n", "has the column name twice: keep one of them"),
        (b"name,group\n" + b"a" * 200_000 + b",1\n", "is not a CSV file: field larger than field limit"),
    ],
)  # fmt: skip
def test_faults_are_one_sentence(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "t.csv").write_bytes(data)
    text = faulty(tmp_path / "t.csv")
    assert text.startswith(f"--groups t.csv: {said}")
    assert "\n" not in text


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        assert faulty(path) == "--groups t.csv: is not a file; give the name of a CSV file"
    assert faulty(tmp_path / "none") == "--groups t.csv: cannot be read: No such file or directory"
    assert "cannot be read: File name too long" in faulty(tmp_path / ("n" * 300))


def test_a_table_that_is_not_finished_leaves_the_old_one(tmp_path: Path) -> None:
    written(tmp_path / "t.csv", ["a"])
    with contextlib.suppress(RuntimeError), write_table(tmp_path / "t.csv", HEAD) as rows:
        rows.row(("b", "b", 1))
        raise RuntimeError
    assert read_back(tmp_path / "t.csv") == [("a", "a", "0")]
    assert len(list(tmp_path.iterdir())) == 1
