"""Tables as people and spreadsheets write them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from facedb.core.errors import InputError
from facedb.sources.registry import open_source
from facedb.sources.tables import csv_table
from facedb.sources.tables.csv_table import LONGEST_LINE, TextTable
from tests.unit.sources.helpers import images, put, verdicts


@pytest.fixture
def base(tmp_path: Path, image_bytes) -> Path:
    for number in range(6):
        put(tmp_path, f"x/{number}.png", image_bytes(number))
    return tmp_path


def rows(base: Path, data: str | bytes, name: str = "t.csv") -> list[list[str] | None]:
    with TextTable(put(base, name, data if isinstance(data, bytes) else data.encode())) as table:
        return [table.header, *(cells for _, cells in table.rows())]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('path,identity\nx/0.png,a\nx/1.png,"b\nx/2.png,c\nx/3.png,d\n', 3),
        ('path;identity;note\nx/0.png;a;"so\nx/1.png;b;\nx/2.png;c;"\nx/3.png;d;e\n', 2),
        ('path,identity\n"x/0.png,a\nx/1.png,b\nx/2.png,c"\nx/3.png,d\n', 2),
        ('path,identity\nx/0.png,a\n\n\nx/1.png,"b', 5),
        ('path|identity\nx/0.png|"Big" Ann\n', 2),
        ('sep=;\npath;identity\nx/0.png;"a\nx/1.png;b\n', 3),
    ],
)
def test_a_stray_quote_is_an_error_with_file_and_line_before_any_row_is_given_out(base, text, line):
    with pytest.raises(InputError, match=rf"t\.csv, line {line}: .*quote"):
        images(put(base, "t.csv", text.encode()))


def test_a_stray_quote_far_down_stops_the_table_before_its_first_row(base):
    text = "path,identity\n" + "x/0.png,a\n" * 20_000 + 'x/1.png,"b\n' + "x/2.png,c\n" * 10
    with pytest.raises(InputError, match="line 20002"):
        next(iter(open_source(put(base, "t.csv", text.encode())).records()))


def test_text_over_several_lines_in_quotes_is_one_cell(base):
    text = 'path,identity,note\nx/0.png,a,"two\nlines, with ""quotes"""\nx/1.png,b,\n'
    assert rows(base, text)[1:] == [["x/0.png", "a", 'two\nlines, with "quotes"'], ["x/1.png", "b", ""]]


def test_a_table_between_tabs_takes_stray_quotes_as_text_and_whole_ones_as_quotes(base):
    assert rows(base, 'path\tidentity\nx/0.png\t"a\nx/1.png\tb\n', "t.tsv")[1:] == [["x/0.png", '"a'], ["x/1.png", "b"]]
    assert rows(base, '"path"\t"identity"\n"x/0.png"\t"a b"\n', "t.tsv")[1:] == [["x/0.png", "a b"]]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_separator_and_encoding_are_found_in_the_content(base, separator, encoding):
    text = f"path{separator}identity\r\nx/0.png{separator}Jürgen\r\n"
    assert rows(base, text.encode(encoding)) == [["path", "identity"], ["x/0.png", "Jürgen"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("path;identity\nx/0.png;Smith, John\nx/1.png;Doe, Jane, jun.\n", ["x/0.png", "Smith, John"]),
        ('path,identity\nx/0.png,"Smith, John"\n', ["x/0.png", "Smith, John"]),
        ('path, identity\nx/0.png, "Smith, John"\n', ["x/0.png", "Smith, John"]),
        ("sep=|\npath|identity\nx/0.png|a;b,c\n", ["x/0.png", "a;b,c"]),
        ('"sep=;"\npath;identity\nx/0.png;a\n', ["x/0.png", "a"]),
        ("path,identity,,\nx/0.png,a,,,,\n", ["x/0.png", "a", "", ""]),
        ('"path" "identity"\n"1" "x/0.png" "a b"\n', ["x/0.png", "a b"]),
        ("path\nx/0,b.png\n", ["x/0,b.png"]),
        ('"path","identity"\n"1","x/0.png","a"\n"2","x/1.png","b"\n', ["x/0.png", "a"]),
        ("identity,box\nx/0.png,a,1\nx/1.png,b,2\n", ["x/0.png", "a", "1"]),
    ],
)
def test_what_spreadsheets_and_statistics_programs_write_is_read_as_meant(base, text, expected):
    assert rows(base, text)[1] == expected


def test_a_row_with_more_cells_than_the_header_is_a_problem_and_not_cut_off(base):
    text = "path,identity\nx/0.png,Smith, John\nx/1.png,b\nx/2.png,c,,\n"
    assert verdicts(put(base, "t.csv", text.encode())) == {
        "t.csv#2": "bad_record",
        "x/1.png": "image",
        "x/2.png": "image",
    }


def test_long_cells_are_read_and_endless_lines_are_one_bad_row_each(base):
    text = f"path,identity,thumb\nx/0.png,a,{'A' * 500_000}\n" + "x" * (LONGEST_LINE + 5) + ",b,\nx/1.png,c,\n"
    found = images(put(base, "t.csv", text.encode()))
    assert {name: record.problem and record.problem.code for name, record in found.items()} == {
        "x/0.png": None,
        "t.csv#3": "bad_record",
        "x/1.png": None,
    }


@pytest.mark.parametrize(
    ("word", "is_label"),
    [
        *(
            (word, False)
            for word in ("nan", "NaN", "NAN", "None", "none", "NULL", "null", "<NA>", "#N/A", "N/A", "n/a")
        ),
        *((word, False) for word in ("NA", "-nan", "1.#QNAN", "", "  ", "\\N")),
        *((word, True) for word in ("Nan Goldin", "Na", "Nullman", "nobody", "0", "inf", "None Such")),
    ],
)
def test_what_stands_for_nothing_is_no_label_and_names_that_look_like_it_are(base, word, is_label):
    found = images(put(base, "t.csv", f"path,identity\nx/0.png,{word}\n".encode()))["x/0.png"]
    assert found.identity == (word if is_label else None)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n", "Git LFS pointer"),
        (b"\n<!DOCTYPE html><html><body>404</body></html>", "web page"),
        (b"PK\x03\x04\x14\x00\x00\x00\x08\x00", "zip archive"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "gzip"),
        (b"%PDF-1.7\n", "PDF"),
    ],
)
def test_a_table_that_is_something_else_is_named_as_what_it_is(base, data, kind):
    for name in ("t.csv", "t.txt", "t.tsv"):
        with pytest.raises(InputError, match=kind):
            images(put(base, name, data))
    with pytest.raises(InputError, match=kind):
        images(put(base, "t.dat", data), "csv")


def test_a_picture_that_is_a_pointer_or_a_page_says_so(base):
    put(base, "x/7.jpg", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n")
    put(base, "x/8.jpg", b"<html><title>403 Forbidden</title></html>")
    put(base, "x/9.jpg", b"PK\x03\x04\x14\x00\x00\x00\x08\x00")
    found = images(base)
    for number, word in ((7, "git lfs pull"), (8, "web page"), (9, "unpack")):
        problem = found[f"x/{number}.jpg"].problem
        assert problem is not None
        assert problem.code == "not_an_image"
        assert word in problem.detail


def test_a_device_is_no_table_and_a_pipe_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="is a device"):
        TextTable(Path("/dev/zero"))
    monkeypatch.setattr(csv_table, "_MOST_PIPED", 1 << 20)
    with subprocess.Popen(["/usr/bin/yes"], stdout=subprocess.PIPE) as endless:
        assert endless.stdout is not None
        with pytest.raises(InputError, match="More than 1,048,576 bytes came through"):
            TextTable(Path(f"/dev/fd/{endless.stdout.fileno()}"))
        endless.kill()
