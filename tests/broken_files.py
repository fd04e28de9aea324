"""Broken and hostile files of images and arrays, with fixed seeds: what every reader must survive.

`python -m tests.broken_files COUNT` reads the designed ones and COUNT random ones of each kind, and
prints how many there were, how many were refused, and the peak of memory.
"""

import gzip
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib

import numpy as np

from gan_jax import data
from gan_jax.data import machine
from gan_jax.errors import InputError, printable
from tests.broken_bytes import (
    CENTRAL,
    END,
    HEADERS,
    IMAGES,
    LABELS,
    LOCAL,
    both,
    idx_bytes,
    middle_flipped,
    npy_bytes,
    npz_bytes,
    patched,
    picture_bytes,
    zip_bytes,
)

LIMIT_MB = 64.0
SHOW = os.environ.get("SHOW")


def _zips():
    whole, stored = npz_bytes(), npz_bytes(zipfile.ZIP_STORED)
    yield "encrypted", both(whole, 8, 6, "<H", 0x1)
    yield "strong encryption", both(whole, 8, 6, "<H", 0x41)
    yield "patched data", both(whole, 8, 6, "<H", 0x20)
    for method in (1, 6, 9, 10, 18, 19, 93, 95, 97, 98, 99, 65535):
        yield f"method {method}", both(whole, 10, 8, "<H", method)
    for version in (64, 99, 255):
        yield f"version {version / 10}", both(whole, 6, 4, "<H", version)
    yield "another signature in the list", whole.replace(CENTRAL, b"PK\x09\x09")
    yield "another signature before a member", whole.replace(LOCAL, b"PK\x09\x09", 1)
    yield "no end", whole[: whole.index(END)]
    yield "end alone", whole[whole.index(END) :]
    yield "list far away", patched(whole, END, 16, "<I", 2**32 - 2)
    yield "list of another size", patched(whole, END, 12, "<I", 10)
    yield "list of 4 GiB", patched(whole, END, 12, "<I", 2**32 - 2)
    yield "count of members", patched(whole, END, 10, "<H", 65535)
    yield "zip64 without its record", patched(whole, END, 16, "<I", 2**32 - 1)
    yield "member far away", patched(whole, CENTRAL, 42, "<I", 2**31)
    yield "name of another length", patched(whole, CENTRAL, 28, "<H", 9)
    yield "extra of another length", patched(whole, CENTRAL, 30, "<H", 60000)
    yield "local name of another length", patched(whole, LOCAL, 26, "<H", 60000)
    yield "local extra of another length", patched(whole, LOCAL, 28, "<H", 999)
    yield "another checksum", both(whole, 16, 14, "<I", 7)
    for size in (0, 1, 100, 2**20, 2**30, 2**31, 2**32 - 2):
        yield f"{size} bytes claimed", both(whole, 24, 22, "<I", size)
        yield f"{size} packed bytes claimed", both(whole, 20, 18, "<I", size)
        yield f"{size} stored bytes claimed", both(stored, 24, 22, "<I", size)
    for name, method in (("bz2", 12), ("lzma", 14), ("deflate", 8), ("stored", 0)):
        packed = npz_bytes(method)
        for at in (0.05, 0.1, 0.3, 0.5, 0.7, 0.9):
            yield f"{name} damaged at {at}", middle_flipped(packed, at)
            yield f"{name} cut at {at}", packed[: int(len(packed) * at)]
    yield "lzma with a dictionary of 4 GiB", _lzma_dictionary()
    yield "nothing", b""
    yield "no zip", b"PK" + bytes(100)
    yield "names of nothing", zip_bytes({".npy": b"", "a/.npy": b"x", "b/": b""})
    yield "names that climb", zip_bytes({"../../images.npy": npy_bytes(), "/labels.npy": b""})
    yield "bomb by deflate", npz_bytes(images=np.zeros((100, 1024, 1024), np.uint8))
    yield "bomb by bz2", npz_bytes(12, images=np.zeros((100, 1024, 1024), np.uint8))
    yield "bomb by lzma", npz_bytes(14, images=np.zeros((100, 1024, 1024), np.uint8))
    many = {"images": IMAGES, "labels": np.zeros((1, 2**26), np.uint8)}
    yield "labels of another count", npz_bytes(**many)
    yield (
        "names of too many classes",
        npz_bytes(images=IMAGES, labels=LABELS, class_names=np.full(2**17, "x")),
    )
    yield (
        "names that are no text",
        npz_bytes(
            images=IMAGES, labels=LABELS, class_names=np.full(3, 0x7FFFFFFF, "<u4").view("<U1")
        ),
    )
    yield (
        "labels that are no text",
        npz_bytes(images=IMAGES, labels=np.full(12, 0x7FFFFFFF, "<u4").view("<U1")),
    )
    yield (
        "wide text labels in one part",
        npz_bytes(
            x_train=IMAGES,
            y_train=np.full(12, "a"),
            x_test=IMAGES[:1],
            y_test=np.array(["b" * 10**6]),
        ),
    )
    for name, header in HEADERS.items():
        yield f"header: {name}", zip_bytes({"images.npy": npy_bytes(**header)})


def _lzma_dictionary():
    packed = npz_bytes(14)
    place = packed.index(LOCAL)
    name, extra = struct.unpack_from("<HH", packed, place + 26)
    start = place + 30 + name + extra + 4 + 1  # after version and size of properties, lc/lp/pb
    return packed[:start] + b"\xff\xff\xff\xff" + packed[start + 4 :]


def _idx_files():
    yield "nothing", b""
    yield "three bytes", b"\0\0\x08"
    yield "no magic", b"<html>" + bytes(100)
    for kind in (0, 7, 0x0A, 0x0F, 0xFF):
        yield f"type {kind}", idx_bytes(4, 3, 3, kind=kind)
    for kind in (0x09, 0x0B, 0x0C, 0x0D, 0x0E):
        yield f"type {kind}, too few values", idx_bytes(4, 3, 3, kind=kind)
    for rank in (0, 1, 2, 5, 255):
        yield f"{rank} dimensions", idx_bytes(4, 3, 3, rank=rank)
    yield "64 TiB", idx_bytes(2**31, 2**12, 8, values=100)
    yield "beyond 64 bits", idx_bytes(2**32 - 1, 2**32 - 1, 2**32 - 1, values=100)
    yield "no images", idx_bytes(0, 3, 3)
    yield "no pixels", idx_bytes(4, 0, 3)
    yield "too few values", idx_bytes(4, 3, 3, values=35)
    yield "too many values", idx_bytes(4, 3, 3, values=37)
    packed = gzip.compress(idx_bytes(4, 3, 3), mtime=0)
    for place in range(2, len(packed), 3):
        yield f"gzip damaged at {place}", middle_flipped(packed, place / len(packed))
        yield f"gzip cut at {place}", packed[:place]
    yield "gzip of too few", gzip.compress(idx_bytes(4, 3, 3, values=35))
    yield "gzip bomb", gzip.compress(idx_bytes(2**14, 2**7, 2**6))
    yield (
        "gzip that claims more than it can hold",
        gzip.compress(idx_bytes(2**20, 28, 28, values=9)),
    )
    yield "gzip of gzip", gzip.compress(packed)
    yield "floats not finite", idx_bytes(1, 1, 1, kind=0x0D, values=0) + b"\x7f\xc0\0\0"


def _png(*chunks):
    content = b"\x89PNG\r\n\x1a\n"
    for name, body in chunks:
        content += struct.pack(">I", len(body)) + name + body
        content += struct.pack(">I", zlib.crc32(name + body))
    return content


def _png_header(width, height, depth=8, colour=2):
    return b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)


def _pictures():
    pixels = b"IDAT", zlib.compress(bytes(8 * 25))
    for size in ((2**31 - 1, 2**31 - 1), (2**16, 2**16), (0, 8), (8, 0), (2**31, 1), (100000, 1)):
        yield f"png of {size}", "png", _png(_png_header(*size), pixels, (b"IEND", b""))
    for depth, colour in ((3, 2), (16, 3), (8, 5), (32, 0)):
        yield f"png {depth} {colour}", "png", _png(_png_header(8, 8, depth, colour), pixels)
    bomb = zlib.compress(bytes(2**27))
    for name in (b"zTXt", b"iCCP", b"iTXt"):
        body = b"x\0\0" + bomb if name != b"iTXt" else b"x\0\1\0\0\0" + bomb
        yield f"png with a bomb in {name}", "png", _png(_png_header(8, 8), (name, body), pixels)
    yield "png with a bomb of pixels", "png", _png(_png_header(8, 8), (b"IDAT", bomb))
    yield "png without pixels", "png", _png(_png_header(8, 8), (b"IEND", b""))
    yield "png with a long chunk", "png", _png(_png_header(8, 8)) + b"\x7f\xff\xff\xffIDAT"
    for name in (b"tRNS", b"PLTE", b"gAMA", b"cHRM", b"pHYs", b"eXIf", b"acTL", b"fcTL"):
        yield f"png with a short {name}", "png", _png(_png_header(8, 8), (name, b"\1"), pixels)
    yield "gif of 65535", "gif", b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b";"
    bitmap = picture_bytes("BMP")
    for field, value in ((18, 2**31 - 1), (18, -5), (22, -(2**31)), (22, 2**30), (14, 3), (28, 77)):
        place = struct.pack("<i", value)
        yield f"bmp {field}={value}", "bmp", bitmap[:field] + place + bitmap[field + 4 :]
    for text in (b"P6 99999999 99999999 255\n", b"P6 -1 4 255\n", b"P5 4 4 99999999\n", b"P6\n",
                 b"P3 4 4 255 " + b"9" * 2000, b"P6 " + b"1" * 5000, b"Pf 2 2 -1\n"):  # fmt: skip
        yield f"ppm {text[:12]}", "ppm", text
    tiff = picture_bytes("TIFF")
    start = struct.unpack_from("<I", tiff, 4)[0]
    yield "tiff that leads to itself", "tif", tiff[:-4] + struct.pack("<I", start)
    yield "tiff far away", "tif", tiff[:4] + struct.pack("<I", 2**31) + tiff[8:]
    for entry in range(8):
        place = start + 2 + 12 * entry
        changed = struct.pack("<II", 2**31, 2**31)
        yield f"tiff entry {entry}", "tif", tiff[: place + 4] + changed + tiff[place + 12 :]
    for kind, ending in (("PNG", "png"), ("JPEG", "jpg"), ("GIF", "gif"), ("TIFF", "tif"),
                         ("WEBP", "webp"), ("BMP", "bmp"), ("PPM", "ppm")):  # fmt: skip
        content = picture_bytes(kind)
        for at in (0.02, 0.3, 0.6, 0.95):
            yield f"{kind} cut at {at}", ending, content[: int(len(content) * at)]
            yield f"{kind} damaged at {at}", ending, middle_flipped(content, at)
    yield "postscript", "png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n"


def designed():
    """(name, {file: content}, path to read) of each file that was thought of."""
    for name, content in _zips():
        yield f"npz: {name}", {"a.npz": content}, "a.npz"
    for name, header in HEADERS.items():
        yield f"npy: {name}", {"a.npy": npy_bytes(**header)}, "a.npy"
    for name, content in _idx_files():
        yield f"idx images: {name}", {"train-images-idx3-ubyte": content}, "."
        files = {"train-images-idx3-ubyte": idx_bytes(4, 3, 3), "train-labels-idx1-ubyte": content}
        yield f"idx labels: {name}", files, "."
    bomb = gzip.compress(idx_bytes(2**28))
    files = {"train-images-idx3-ubyte": idx_bytes(4, 3, 3), "train-labels-idx1-ubyte": bomb}
    yield "idx labels: gzip bomb of 256 MiB", files, "."
    for name, ending, content in _pictures():
        yield f"picture: {name}", {f"a.{ending}": content}, "."
        yield f"zip: {name}", {"a.zip": zip_bytes({f"a.{ending}": content})}, "a.zip"


def random_ones(count, seed=0):
    """The same of `count` random changes of each kind of file."""
    rng = np.random.default_rng(seed)
    wholes = [
        ("a.npz", npz_bytes(), "a.npz"),
        ("a.npz", npz_bytes(zipfile.ZIP_STORED), "a.npz"),
        ("a.npz", npz_bytes(zipfile.ZIP_LZMA), "a.npz"),
        ("a.npz", npz_bytes(zipfile.ZIP_BZIP2), "a.npz"),
        ("a.npy", npy_bytes("(4, 8, 8, 3)", values=768), "a.npy"),
        ("train-images-idx3-ubyte", idx_bytes(4, 3, 3), "."),
        ("train-images-idx3-ubyte", gzip.compress(idx_bytes(4, 3, 3), mtime=0), "."),
        ("a.zip", zip_bytes({"a.png": picture_bytes("PNG")}), "a.zip"),
    ]
    kinds = {"png": "PNG", "jpg": "JPEG", "gif": "GIF", "tif": "TIFF", "webp": "WEBP", "bmp": "BMP"}
    wholes += [(f"a.{ending}", picture_bytes(kind), ".") for ending, kind in kinds.items()]
    wholes.append(("a.tif", picture_bytes("TIFF", compression="tiff_lzw"), "."))
    for file, whole, path in wholes:
        for number in range(count):
            content = bytearray(whole)
            first = min(len(whole), int(rng.choice([16, 128, len(whole)])))
            for _ in range(int(rng.integers(1, 6))):
                place = (
                    int(rng.integers(first)) if rng.random() < 0.7 else -int(rng.integers(first))
                )
                content[place] = int(rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.integers(256)]))
            if rng.random() < 0.2:
                content = content[: int(rng.integers(len(content)))]
            yield f"{file} {len(whole)}: {number}", {file: bytes(content)}, path


def write_all(folder, count):
    """Each case into a folder of its own, with its name and the path to read beside it."""
    for number, (name, files, path) in enumerate([*designed(), *random_ones(count)]):
        place = pathlib.Path(folder) / f"{number:06}"
        (place / "files").mkdir(parents=True)
        for file, content in files.items():
            (place / "files" / file).write_bytes(content)
        (place / "case.json").write_text(json.dumps({"name": name, "path": path}))


def read_all(folder):
    """What reading each case gives: how many there are, were refused, and MiB of memory taken.

    Raises:
        AssertionError: an exception that is no InputError, or one of more than a line.
    """
    data.read_images("mnist5k").take([0])
    machine.default_limit = lambda: int(LIMIT_MB * 2**20)  # a small machine's: that of pictures
    before = _peak_memory()
    count = refused = 0
    for place in sorted(pathlib.Path(folder).iterdir()):
        case = json.loads((place / "case.json").read_text())
        path = str(place / "files" / case["path"])
        try:
            dataset = data.read_images(path, memory_limit_mb=LIMIT_MB)
            dataset.take(np.arange(min(len(dataset), 4)))
        except InputError as error:
            refused += 1
            text = str(error)
            assert text == printable(text) and len(text) < 1500, f"{case['name']}: {text!r}"
            if SHOW:
                print(f"{case['name']:40} {text.replace(str(place), '')}")
        except Exception as error:
            raise AssertionError(f"{case['name']}: {type(error).__name__}: {error}") from error
        else:
            if SHOW:
                print(f"{case['name']:40} READ: {dataset}")
        count += 1
    return count, refused, _peak_memory() - before


def _peak_memory():
    """MiB of this program so far; what getrusage tells has that of the program which started it."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


def main():
    """Writes them, and reads them in a process of its own, whose memory is that of reading."""
    if len(sys.argv) > 2:
        count, refused, memory = read_all(sys.argv[2])
        print(count, refused, round(memory))
        return
    with tempfile.TemporaryDirectory() as folder:
        write_all(folder, int(sys.argv[1]))
        command = [sys.executable, "-m", "tests.broken_files", "read", folder]
        sys.exit(subprocess.run(command, check=False).returncode)


if __name__ == "__main__":
    main()
