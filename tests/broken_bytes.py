"""Files of images and arrays as bytes, whole or with whatever is asked for in their headers."""

import io
import struct
import zipfile

import numpy as np
from PIL import Image

_RNG = np.random.default_rng(0)
IMAGES = _RNG.integers(0, 256, (12, 8, 8, 3), np.uint8)
LABELS = np.arange(12) % 3
CENTRAL, LOCAL, END = b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"


def npz_bytes(method=zipfile.ZIP_DEFLATED, **arrays):
    """An .npz file; by default of images and labels."""
    arrays = arrays or {"images": IMAGES, "labels": LABELS}
    members = {}
    for name, array in arrays.items():
        stream = io.BytesIO()
        np.save(stream, array)
        members[f"{name}.npy"] = stream.getvalue()
    return zip_bytes(members, method)


def zip_bytes(members, method=zipfile.ZIP_DEFLATED):
    """A zip of named contents."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def npy_bytes(shape="(2, 2, 2)", descr="'|u1'", values=8, version=(1, 0), header=None, length=None):
    """A .npy file whose header says whatever is asked for, with `values` bytes after it."""
    text = header if header is not None else (
        f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"
    )  # fmt: skip
    text = text.encode("latin-1") + b"\n"
    size = len(text) if length is None else length
    packed = struct.pack("<H" if version == (1, 0) else "<I", size & 0xFFFFFFFF)
    return b"\x93NUMPY" + bytes(version) + packed + text + bytes(values)


def idx_bytes(*shape, kind=8, values=None, rank=None):
    """An idx file whose header says whatever is asked for."""
    rank = len(shape) if rank is None else rank
    count = int(np.prod(shape)) if values is None else values
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, kind, rank, *shape) + bytes(count)


def picture_bytes(kind, **options):
    """A small picture of a format."""
    stream = io.BytesIO()
    Image.fromarray(IMAGES[0]).save(stream, kind, **options)
    return stream.getvalue()


def patched(content, signature, offset, layout, value):
    """The content with a field changed after the first place of a signature."""
    place = content.index(signature) + offset
    packed = struct.pack(layout, value)
    return content[:place] + packed + content[place + len(packed) :]


def both(content, central_offset, local_offset, layout, value):
    """A field of a member changed in the list of contents and before the member itself."""
    content = patched(content, CENTRAL, central_offset, layout, value)
    return patched(content, LOCAL, local_offset, layout, value)


def middle_flipped(content, at=0.5):
    place = int(len(content) * at)
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


HEADERS = {
    "73 GiB": dict(shape="(100000, 512, 512, 3)"),
    "696 PiB": dict(shape="(1000000000, 28000, 28000)"),
    "beyond 64 bits": dict(shape=f"({2**70},)"),
    "4,000 digits": dict(shape=f"({'9' * 4000}, 8, 8)"),
    "9,000 digits": dict(shape=f"({'9' * 9000}, 8, 8)"),
    "an empty but endless shape": dict(shape=f"(0, {2**62}, {2**62})"),
    "negative length": dict(shape="(-3, 2, 2)"),
    "two negative lengths": dict(shape="(-2, -2, 2)"),
    "boolean length": dict(shape="(True, 2, 2)"),
    "fractional length": dict(shape="(2.0, 2, 2)"),
    "no tuple": dict(shape="8"),
    "text as shape": dict(shape="'abc'"),
    "forty dimensions": dict(shape=str((1,) * 40)),
    "a thousand dimensions": dict(shape=str((1,) * 1000)),
    "objects": dict(descr="'|O'"),
    "a table": dict(descr="[('a', '|u1'), ('b', '<f4')]"),
    "a table of objects": dict(descr="[('a', '|O')]"),
    "subarrays": dict(descr="('|u1', (1000, 1000, 1000))"),
    "texts without letters": dict(descr="'<U0'", shape="(1000000000000, 2, 2)"),
    "huge texts": dict(descr="'<U2000000000'", shape="(1,)"),
    "bytes of no length": dict(descr="'|S0'", shape="(1000000000000,)"),
    "dates": dict(descr="'<M8[s]'", shape="(1,)"),
    "unknown type": dict(descr="'<q77'"),
    "complex": dict(descr="'<c8'", shape="(1, 1, 1)"),
    "void": dict(descr="'|V8'", shape="(1, 1, 1)"),
    "halves": dict(descr="'<f2'", shape="(1, 2, 2)"),
    "no dictionary": dict(header="[1, 2, 3]"),
    "keys missing": dict(header="{'descr': '|u1'}"),
    "keys too many": dict(header="{'descr': '|u1', 'fortran_order': 0, 'shape': (), 'x': 1}"),
    "order no truth": dict(header="{'descr': '|u1', 'fortran_order': 7, 'shape': (2, 2, 2)}"),
    "a call": dict(header="__import__('os').getpid()"),
    "deep brackets": dict(header="(" * 5000),
    "deep lists": dict(header="[" * 3000 + "]" * 3000),
    "deep minus": dict(header="-" * 9000 + "1"),
    "open text": dict(header="{'descr': '''"),
    "nulls": dict(header="\0" * 100),
    "no ASCII": dict(header="{'descr': '\xe9', 'fortran_order': False, 'shape': (2,)}"),
    "empty": dict(header=""),
    "long header": dict(header="#" * 60000),
    "header of 4 GiB": dict(version=(2, 0), length=2**32 - 1),
    "header longer than the file": dict(length=65000),
    "header of nothing": dict(length=0),
    "version 3": dict(version=(3, 0)),
    "version 9": dict(version=(9, 9)),
    "cut short": dict(values=7),
    "no values": dict(values=0),
    "labels as images": dict(shape="(8,)"),
    "no dimension": dict(shape="()", values=1),
}
