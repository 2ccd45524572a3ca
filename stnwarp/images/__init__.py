"""Image files: Pillow, its modes and metadata.

The names are loaded on first use: `stnwarp.images.formats` is needed where neither Pillow nor NumPy may be.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stnwarp.images.alpha import premultiply, unpremultiply
    from stnwarp.images.colour import default_fill, fill_range, parse_fill
    from stnwarp.images.decode import read_picture
    from stnwarp.images.encode import check_target, encode_picture
    from stnwarp.images.formats import FORMATS, SUFFIXES, format_for_suffix, suffix_for_format
    from stnwarp.images.picture import Coding, Metadata, Picture
    from stnwarp.images.probe import ImageHeader

_MODULES = {
    "alpha": ("premultiply", "unpremultiply"),
    "colour": ("default_fill", "fill_range", "parse_fill"),
    "decode": ("read_picture",),
    "encode": ("check_target", "encode_picture"),
    "formats": ("FORMATS", "SUFFIXES", "format_for_suffix", "suffix_for_format"),
    "picture": ("Coding", "Metadata", "Picture"),
    "probe": ("ImageHeader",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "Coding",
    "ImageHeader",
    "Metadata",
    "Picture",
    "check_target",
    "default_fill",
    "encode_picture",
    "fill_range",
    "format_for_suffix",
    "parse_fill",
    "premultiply",
    "read_picture",
    "suffix_for_format",
    "unpremultiply",
]


def __getattr__(name: str) -> Any:
    """Load the module that *name* lives in, on its first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
