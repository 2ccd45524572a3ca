"""Writing PNG with many threads at once.

Pillow's encoder keeps the interpreter's lock, so that a folder of PNGs is written by one thread at a time,
several times as slow as need be. NumPy filters and zlib packs without the lock.

Source: PNG specification, third edition: chunks (section 11), filters (section 9).
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stnwarp.images.palette import entries
from stnwarp.images.picture import Metadata, Picture

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GRAY, _RGB, _INDEXED, _GRAY_ALPHA, _RGBA = 0, 2, 3, 4, 6
_COLOUR_TYPES = {
    "1": _GRAY,
    "L": _GRAY,
    "I;16": _GRAY,
    "P": _INDEXED,
    "LA": _GRAY_ALPHA,
    "RGB": _RGB,
    "RGBA": _RGBA,
}

_LEVEL, _MEMORY, _WINDOW = 6, 9, 15
_BAND = 64  # rows that are filtered together, so that what is in between stays in the cache
_TRIAL = 1 << 17  # bytes on which the two ways to pack are tried
_WORTH_IT = 1.03  # how much smaller a file must get to take several times as long
_LARGEST_CHUNK = 1 << 30


@dataclass(frozen=True)
class _Rows:
    """The bytes of the rows as they stand in the file before they are filtered and packed."""

    data: NDArray[np.uint8]  # (height, bytes of a row)
    depth: int
    pixel: int  # bytes to the same sample of the pixel before; 0: not to be filtered


def png_file(picture: Picture, metadata: Metadata) -> bytes:
    """The bytes of a PNG that holds *picture*, of any mode but "CMYK" and "F", and *metadata*."""
    height, width = picture.size
    palette = _palette(picture) if picture.mode == "P" else None
    rows = _rows(picture, palette)
    colour_type = _COLOUR_TYPES[picture.mode]
    header = struct.pack(">IIBBBBB", width, height, rows.depth, colour_type, 0, 0, 0)
    pixels = _packed(rows)
    parts = [_SIGNATURE, _chunk(b"IHDR", header), *_metadata_chunks(metadata), *_palette_chunks(palette)]
    for at in range(0, len(pixels), _LARGEST_CHUNK):
        parts.append(_chunk(b"IDAT", pixels[at : at + _LARGEST_CHUNK]))
    return b"".join([*parts, _chunk(b"IEND", b"")])


def _chunk(name: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(data, zlib.crc32(name))
    return b"".join((struct.pack(">I", len(data)), name, data, struct.pack(">I", checksum)))


def _metadata_chunks(metadata: Metadata) -> Iterator[bytes]:
    for name, data in metadata.chunks:
        if not (metadata.icc and name == b"sRGB"):  # of which one excludes the other
            yield _chunk(name, data)
    if metadata.icc:
        yield _chunk(b"iCCP", b"ICC Profile\x00\x00" + zlib.compress(metadata.icc))
    if metadata.dpi:
        horizontal, vertical = (round(value / 0.0254) for value in metadata.dpi)
        yield _chunk(b"pHYs", struct.pack(">IIB", horizontal, vertical, 1))
    if metadata.exif:
        yield _chunk(b"eXIf", metadata.exif)
    if metadata.xmp:
        yield _chunk(b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + metadata.xmp)


def _palette(picture: Picture) -> NDArray[np.uint8]:
    """The entries, RGBA: as many as there are, and as the indices need."""
    needed = int(picture.array.astype(np.uint8).max()) + 1
    return entries(picture)[: max(len(picture.palette or b"") // 4, needed)]


def _palette_chunks(palette: NDArray[np.uint8] | None) -> Iterator[bytes]:
    if palette is None:
        return
    yield _chunk(b"PLTE", palette[:, :3].tobytes())
    if int(palette[:, 3].min()) < 255:
        yield _chunk(b"tRNS", palette[:, 3].tobytes())


def _rows(picture: Picture, palette: NDArray[np.uint8] | None) -> _Rows:
    height, width = picture.size
    if picture.mode == "1":
        return _Rows(np.packbits(picture.array.astype(np.uint8) >= 128, axis=1), 1, 0)
    if palette is not None:
        depth = next(bits for bits in (1, 2, 4, 8) if len(palette) <= 1 << bits)
        return _Rows(_squeezed(picture.array.astype(np.uint8), depth), depth, 0)
    if picture.mode == "I;16":
        return _Rows(np.ascontiguousarray(picture.array, ">u2").view(np.uint8), 16, 2)
    channels = picture.array.shape[2] if picture.array.ndim == 3 else 1
    return _Rows(np.ascontiguousarray(picture.array, np.uint8).reshape(height, width * channels), 8, channels)


def _squeezed(indices: NDArray[np.uint8], depth: int) -> NDArray[np.uint8]:
    """*indices* of so many bits side by side in bytes, the first in the highest bits."""
    if depth == 8:
        return np.ascontiguousarray(indices)
    bits = np.unpackbits(indices[..., None], axis=2)[..., 8 - depth :]
    return np.packbits(bits.reshape(len(indices), -1), axis=1)


def _packed(rows: _Rows) -> bytes:
    strategy = _better_strategy(rows)
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY, strategy)
    pieces = [packer.compress(_filtered(rows, top).tobytes()) for top in range(0, len(rows.data), _BAND)]
    return b"".join([*pieces, packer.flush()])


def _better_strategy(rows: _Rows) -> int:
    """Packing by frequency alone, or by repetitions too, as a sample of the picture advises.

    In photographs little repeats but by chance: to look for it takes most of the time, and may make the file
    larger.
    """
    bands = range(0, len(rows.data), _BAND)
    step = max(1, len(bands) // max(1, _TRIAL // (_BAND * rows.data.shape[1])))
    sample = b"".join(_filtered(rows, top).tobytes()[:_TRIAL] for top in bands[step // 2 :: step])
    lengths = {}
    for strategy in (zlib.Z_RLE, zlib.Z_DEFAULT_STRATEGY):
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY, strategy)
        lengths[strategy] = len(packer.compress(sample)) + len(packer.flush())
    is_worth_it = lengths[zlib.Z_DEFAULT_STRATEGY] * _WORTH_IT < lengths[zlib.Z_RLE]
    return zlib.Z_DEFAULT_STRATEGY if is_worth_it else zlib.Z_RLE


def _filtered(rows: _Rows, top: int) -> NDArray[np.uint8]:
    """The band of rows that begins at *top*, each with the number of its filter in front.

    Of the differences to nothing, to the left, to above, and to the mean of the two, each row takes the one
    whose sum of magnitudes is the least, as the specification advises (section 12.7).
    """
    band = rows.data[top : top + _BAND]
    result = np.zeros((len(band), band.shape[1] + 1), np.uint8)
    if not rows.pixel:
        result[:, 1:] = band
        return result
    above = np.zeros_like(band)
    above[1:] = band[:-1]
    above[0] = rows.data[top - 1] if top else 0
    left = np.zeros_like(band)
    left[:, rows.pixel :] = band[:, : -rows.pixel]
    mean = (left & above) + ((left ^ above) >> 1)  # without a ninth bit
    candidates = (band, band - left, band - above, band - mean)
    magnitudes = (np.abs(candidate.view(np.int8)).view(np.uint8) for candidate in candidates)
    result[:, 0] = np.argmin([magnitude.sum(axis=1, dtype=np.int64) for magnitude in magnitudes], axis=0)
    for number, candidate in enumerate(candidates):
        chosen = result[:, 0] == number
        result[chosen, 1:] = candidate[chosen]
    return result
