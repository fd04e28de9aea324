"""Opening files that nobody should trust, and their names as text."""

import ast
import os
import pathlib
import socket

import numpy as np
import pytest
from PIL import Image

from gan_jax.data import machine
from gan_jax.data.decode import PICTURE_FORMATS, decode_image, open_picture, read_header
from gan_jax.data.disk import open_regular, read_json
from gan_jax.errors import InputError, printable

_PACKAGE = pathlib.Path(machine.__file__).parents[1]

EPS = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 8 8
%%EndComments
0 0 8 8 rectfill showpage
%%EOF
"""


def test_a_postscript_file_starts_no_program_whatever_it_is_called(tmp_path, monkeypatch):
    monkeypatch.setattr("subprocess.check_call", lambda *_, **__: pytest.fail("a program started"))
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("a program started"))
    (tmp_path / "x.png").write_bytes(EPS)
    with pytest.raises(InputError, match="x.png' cannot be read"):
        decode_image(tmp_path / "x.png")


@pytest.mark.parametrize("other", ["TGA", "PCX", "ICO", "SGI"])
def test_other_formats_are_not_read(tmp_path, other):
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png", format=other)
    with pytest.raises(InputError, match="x.png' cannot be read"):
        decode_image(tmp_path / "x.png")


@pytest.mark.parametrize("kind", PICTURE_FORMATS)
def test_every_listed_format_is_read(tmp_path, kind):
    if kind not in Image.SAVE and not (Image.init() and kind in Image.SAVE):
        pytest.skip(f"this Pillow has no {kind}")
    Image.new("RGB", (8, 6), (250, 250, 250)).save(tmp_path / "x.png", format=kind)
    assert decode_image(tmp_path / "x.png").shape[:2] == (6, 8)


def test_pipes_sockets_devices_and_folders_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "s.png"))
    places = [tmp_path / "pipe.png", tmp_path / "s.png", pathlib.Path("/dev/zero"), tmp_path]
    for path, word in zip(places, ("a pipe", "a socket", "a device", "a folder")):
        with pytest.raises(InputError, match=f"is {word} where a file was expected"):
            open_regular(path)
    server.close()


def test_only_one_module_opens_pictures_and_one_reads_arrays():
    allowed = {"open": "data/decode.py", "load": "data/built_in.py"}  # the package's own file
    for path in _PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                if (node.value.id, node.attr) in (("Image", "open"), ("np", "load")):
                    assert str(path.relative_to(_PACKAGE)) == allowed[node.attr], node.lineno


def test_a_picture_over_the_limit_is_refused_before_it_is_decoded(tmp_path):
    Image.new("1", (20000, 20000)).save(tmp_path / "scan.png")
    with pytest.raises(InputError, match=r"scan.png'.*20000x20000 pixels.*memory_limit_mb"):
        decode_image(tmp_path / "scan.png", memory_limit=2**30)


def test_a_large_scan_within_the_limit_is_read_without_a_warning(tmp_path, recwarn):
    Image.new("1", (20000, 10000)).save(tmp_path / "scan.png")
    assert read_header(tmp_path / "scan.png", memory_limit=2**31) == (10000, 20000, 1)
    assert not recwarn


def test_pixels_of_12_bits_by_their_white(tmp_path):
    pixels = np.array([[0, 2047, 4095]], np.uint16)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    image = decode_image(tmp_path / "x.png", white=4095)
    assert image[0, :, 0].tolist() == [0, 127, 255]
    with pytest.raises(InputError, match="from 0 to 4095, and dataset.white is 1023"):
        decode_image(tmp_path / "x.png", white=1023)


def test_a_file_that_may_not_be_read_says_so(tmp_path, monkeypatch):
    (tmp_path / "x.png").write_bytes(b"")

    def refused(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.open", refused)
    with pytest.raises(InputError, match="x.png' cannot be read: Permission denied"):
        decode_image(tmp_path / "x.png")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plain.png", "plain.png"),
        ("dög 犬.png", "dög 犬.png"),
        (os.fsdecode(b"caf\xe9.png"), "caf\\xe9.png"),
        ("two\nlines", "two\\nlines"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("\ud800", "\\ud800"),
    ],
)
def test_any_name_is_one_line_that_can_be_written(name, expected):
    assert printable(name) == expected
    assert printable(pathlib.PurePath(name)) == expected
    printable(name).encode("utf-8")


def test_an_error_is_one_line_whatever_the_names_in_it():
    error = InputError(f"'{os.fsdecode(bytes([0xE9]))}' is\nno file")
    assert str(error) == "'\\xe9' is\\nno file"


def test_a_pipe_is_no_json_file(tmp_path):
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(InputError, match="is a pipe"):
        read_json(tmp_path / "config.json")


def test_the_default_limit_comes_from_the_machine(monkeypatch):
    assert 0 < machine.default_limit() <= machine.memory() / 4
    monkeypatch.setattr(machine, "memory", lambda: 2**30)
    assert machine.default_limit() == 2**28
    monkeypatch.setattr(machine, "memory", lambda: 2**40)
    assert machine.default_limit() == 2**31


def test_a_picture_is_closed_again(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "x.png")
    with open_picture(tmp_path / "x.png") as picture:
        stream = picture.fp
    assert stream.closed
