"""What stands in a file and Pillow does not tell."""

from typing import BinaryIO

from PIL import Image, ImageFile
from PIL.PngImagePlugin import ChunkStream

_PNG_SIGNATURE_LENGTH = 8
_KEPT_CHUNKS = {b"cICP", b"sRGB", b"gAMA", b"cHRM", b"tEXt", b"zTXt", b"iTXt"}
_DISGUISES = (b"XML:com.adobe.xmp\x00", b"Raw profile type ")  # texts that are metadata, which is handed on by itself
_SQUARE_SAMPLINGS = (0, 2)  # 4:4:4 and 4:2:0, as Pillow numbers them
_LARGEST_BOX = 1 << 16  # bytes at the beginning of an AVIF in which its configuration stands


def bits(image: ImageFile.ImageFile, name: str, stream: BinaryIO) -> int:
    """Bits per sample: Pillow opens 16-bit colour as 8-bit without a word."""
    if name == "PNG":
        return _png_bits(image)
    if name == "TIFF":
        return _tiff_bits(image)
    if name == "PPM":
        return _pnm_bits(image)
    return _avif_bits(stream) if name == "AVIF" else 8


def has_drafts(image: ImageFile.ImageFile, name: str) -> bool:
    """Whether libjpeg can decode the file at a half, a quarter and an eighth, each pixel the mean of a square.

    Of chroma with half the pixels along one axis only, or with other parts of them, it would use means of twice the
    length. A file that names no quantisation is one without loss, which it cannot decode smaller.
    """
    if name != "JPEG" or not getattr(image, "quantization", None):
        return False
    from PIL.JpegImagePlugin import get_sampling

    return image.mode == "L" or (image.mode == "RGB" and get_sampling(image) in _SQUARE_SAMPLINGS)


def _png_bits(image: ImageFile.ImageFile) -> int:
    """By the name of the layout that goes to the decoder: "1", "L;2", "RGB", "RGB;16B"."""
    layout = str(image.tile[0][3])
    digits = "".join(letter for letter in layout.partition(";")[2] if letter.isdigit())
    return int(digits) if digits else 1 if layout == "1" else 8


class _Reader(ChunkStream):
    """Reads a PNG through, comparing every checksum, and keeps what goes along into another PNG."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream)
        self.kept: list[tuple[bytes, bytes]] = []

    def crc(self, cid: bytes, data: bytes) -> None:
        super().crc(cid, data)
        if cid in _KEPT_CHUNKS and not data.startswith(_DISGUISES):
            self.kept.append((cid, data))


def png_chunks(stream: BinaryIO) -> tuple[tuple[bytes, bytes], ...]:
    """The chunks of a PNG that go along into another: what its numbers mean as colours, and its texts.

    `Image.load` does not look at the checksums of the pixels, and `Image.info` lacks cICP and all but the last text
    of a name. Raises SyntaxError or OSError for a wrong checksum or a missing end. The position of *stream* stays.
    """
    position = stream.tell()
    stream.seek(_PNG_SIGNATURE_LENGTH)
    reader = _Reader(stream)
    reader.verify()
    stream.seek(position)
    return tuple(reader.kept)


def _tiff_bits(image: Image.Image) -> int:
    told = getattr(image, "tag_v2", {}).get(258, (1,))  # BitsPerSample
    return int(max(told)) if isinstance(told, tuple) else int(told)


def _pnm_bits(image: ImageFile.ImageFile) -> int:
    if image.mode in {"1", "F"}:
        return 1 if image.mode == "1" else 32
    arguments = image.tile[0][3]
    # The largest value is told to the decoder unless it is 255 or, for gray, 65535.
    largest = arguments[-1] if isinstance(arguments, tuple) and isinstance(arguments[-1], int) else 255
    return 16 if image.mode == "I" or largest > 255 else 8


def _avif_bits(stream: BinaryIO) -> int:
    """From the configuration of the AV1 stream (AV1-ISOBMFF, section 2.3.3)."""
    position = stream.tell()  # from which Pillow goes on
    stream.seek(0)
    head = stream.read(_LARGEST_BOX)
    stream.seek(position)
    at = head.find(b"av1C")
    if at < 0 or at + 7 > len(head):
        return 8
    flags = head[at + 6]
    return (12 if flags & 0x20 else 10) if flags & 0x40 else 8


def is_lossless_webp(stream: BinaryIO) -> bool:
    """Whether the first chunk of pixels is of the kind that loses nothing."""
    at = 12
    for _ in range(16):  # few chunks may come before the pixels
        stream.seek(at)
        chunk = stream.read(8)
        if len(chunk) < 8 or chunk[:4] in {b"VP8 ", b"VP8L"}:
            return chunk[:4] == b"VP8L"
        length = int.from_bytes(chunk[4:], "little")
        at += 8 + length + length % 2
    return False
