"""Image files for the tests of `stnwarp.images`, made on the spot."""

import io
import struct
import zlib
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

MAX_PIXELS = 10_000_000

XMP = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
    b' xmlns:dc="http://purl.org/dc/elements/1.1/" dc:creator="Ada" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
    b' tiff:Orientation="%d"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)


def scene(height: int = 24, width: int = 40, channels: int = 3) -> NDArray[np.uint8]:
    """A smooth picture without any symmetry; one channel comes as (height, width)."""
    y, x = np.mgrid[0:height, 0:width]
    values = [128 + 90 * np.sin(x / (5 + c) + y / (9 + 2 * c)) + y - x / 2 for c in range(channels)]
    picture = np.clip(np.stack(values, axis=-1), 0, 255).astype(np.uint8)
    return picture[..., 0] if channels == 1 else picture


def deep(height: int = 24, width: int = 40) -> NDArray[np.uint16]:
    """16-bit gray that uses all the bits."""
    y, x = np.mgrid[0:height, 0:width]
    return ((y * 2741 + x * 1337) % 65536).astype(np.uint16)


def gray_image(picture: NDArray[np.uint16]) -> Image.Image:
    """*picture* in Pillow's mode for 16-bit gray."""
    height, width = picture.shape
    return Image.frombytes("I;16", (width, height), picture.astype("<u2").tobytes())


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    """The bytes of a file as Pillow writes it."""
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(size: tuple[int, int], depth: int, colour: int, rows: bytes, *extra: bytes) -> bytes:
    """A PNG from its raw rows, each with its filter byte in front; *extra* chunks come before the pixels."""
    height, width = size
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(rows, 9))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + body + chunk(b"IEND", b"")


def png16(channels: int, size: tuple[int, int] = (6, 9)) -> bytes:
    """A PNG of 16 bits a channel."""
    height, width = size
    rows = b"".join(b"\x00" + bytes(range(width * channels * 2)) for _ in range(height))
    return png(size, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], rows)


def tiff(tags: dict[int, tuple[int, tuple[int, ...]]], pixels: bytes, order: str = "<") -> bytes:
    """An uncompressed TIFF of one strip; *tags* are tag -> (type, values), those of the strip apart."""
    tags = {**tags, 273: (4, (8,)), 279: (4, (len(pixels),))}
    start = 8 + len(pixels) + len(pixels) % 2
    far, entries = b"", b""
    where = start + 2 + 12 * len(tags) + 4
    for tag, (kind, values) in sorted(tags.items()):
        data = struct.pack(order + {1: "B", 3: "H", 4: "I"}[kind] * len(values), *values)
        entries += struct.pack(order + "HHI", tag, kind, len(values))
        if len(data) <= 4:
            entries += data.ljust(4, b"\x00")
        else:
            entries += struct.pack(order + "I", where + len(far))
            far += data + b"\x00" * (len(data) % 2)
    head = (b"II\x2a\x00" if order == "<" else b"MM\x00\x2a") + struct.pack(order + "I", start)
    body = pixels + b"\x00" * (len(pixels) % 2)
    return head + body + struct.pack(order + "H", len(tags)) + entries + bytes(4) + far


def tiff_tags(
    size: tuple[int, int], bits: tuple[int, ...], photometric: int, **more: int
) -> dict[int, tuple[int, tuple[int, ...]]]:
    """The tags of a plain TIFF; *more* may tell planar, orientation or format."""
    height, width = size
    tags: dict[int, tuple[int, tuple[int, ...]]] = {
        256: (4, (width,)),
        257: (4, (height,)),
        258: (3, bits),
        259: (3, (1,)),
        262: (3, (photometric,)),
        277: (3, (len(bits),)),
        278: (4, (height,)),
    }
    named = {"planar": 284, "orientation": 274, "format": 339}
    return tags | {named[name]: (3, (value,)) for name, value in more.items()}


def exif(orientation: int = 1, size: tuple[int, int] = (24, 40), thumbnail: bytes = b"") -> bytes:
    """An EXIF block as cameras write it: a maker's note of its own shape, sizes, and perhaps a thumbnail."""
    height, width = size
    note = b"MAKER\x00\x01\x02\x03\xff\xfe"
    first, details, far = 8, 8 + 2 + 12 * 4 + 4, 8 + 2 + 12 * 4 + 4 + 2 + 12 * 3 + 4
    make, thumb_at = far, far + 8 + 12
    directory = struct.pack("<H", 4)
    directory += struct.pack("<HHII", 0x010F, 2, 7, make)
    directory += struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    directory += struct.pack("<HHII", 0x8769, 4, 1, details)
    directory += struct.pack("<HHIHH", 0x8825 + 0x100, 3, 1, 7, 0)  # a tag that nobody knows
    directory += struct.pack("<I", thumb_at if thumbnail else 0)
    inner = struct.pack("<H", 3)
    inner += struct.pack("<HHII", 0x927C, 7, len(note), far + 8)
    inner += struct.pack("<HHII", 0xA002, 4, 1, width)
    inner += struct.pack("<HHIHH", 0xA003, 3, 1, height, 0)
    inner += struct.pack("<I", 0)
    data = b"II\x2a\x00" + struct.pack("<I", first) + directory + inner + b"Camera\x00\x00" + note.ljust(12, b"\x00")
    assert len(data) == thumb_at
    if thumbnail:
        data += struct.pack("<H", 2)
        data += struct.pack("<HHII", 0x0201, 4, 1, thumb_at + 2 + 24 + 4)
        data += struct.pack("<HHII", 0x0202, 4, 1, len(thumbnail))
        data += struct.pack("<I", 0) + thumbnail
    return b"Exif\x00\x00" + data


def lens_exif(focal_length: int, order: str = "<", code: str = "H") -> bytes:
    """An EXIF block with nothing but the focal length in mm on 35 mm film, a SHORT ("H") or a LONG ("I")."""
    value = struct.pack(order + code, focal_length).ljust(4, b"\x00")
    entry = struct.pack(order + "HHI", 0xA405, {"H": 3, "I": 4}[code], 1) + value
    link = struct.pack(order + "HHHIII", 1, 0x8769, 4, 1, 26, 0)
    head = (b"II\x2a\x00" if order == "<" else b"MM\x00\x2a") + struct.pack(order + "I", 8)
    return b"Exif\x00\x00" + head + link + struct.pack(order + "H", 1) + entry + bytes(4)


@cache
def icc() -> bytes:
    """A real profile, of sRGB; always the same, as it holds the time of its making."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
