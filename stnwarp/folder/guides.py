"""Where the transformation of each image comes from: one for all, a row for each, or what a network sees in it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from stnwarp.errors import ParameterError
from stnwarp.folder.sources import Source, source_key
from stnwarp.images.picture import Picture
from stnwarp.images.seen import as_seen
from stnwarp.params import Parameters, Row
from stnwarp.rectangle import Rectangle
from stnwarp.size_request import SizeMode, SizeRequest
from stnwarp.transforms import TransformSpec, WarpSpec

if TYPE_CHECKING:
    from stnwarp.localisation import Localiser

Size = tuple[int, int]

_NETWORKS = "the checkpoint's numbers make nothing of it; hold them back, as by --limit scale=0.5..2,shift=0.5"


@dataclass(frozen=True)
class Guidance:
    """What one image is to be warped by.

    *size* and *crop* belong to this very image and stand before those that are asked for of all. *copied*: an earlier
    run found nothing to do, and kept the pixels as they were. *canvas* is the (height, width) of an output with pixels
    as large as the image's, where that is not the image's own size. *file* is what says the numbers of the spec and
    their units, if a file does. *advice* is what to do where nothing of the picture comes out; the spec's own if it
    is None.
    """

    spec: WarpSpec
    size: SizeRequest | None = None
    crop: Rectangle | None = None
    copied: bool = False
    canvas: Size | None = None
    file: str | None = None
    advice: str | None = None


class Guide(Protocol):
    """What gives each image its spec."""

    def for_image(self, source: Source, picture: Picture | None = None) -> Guidance | None:
        """What the image called *source* is to be warped by; None as long as *picture* is needed and not there.

        Raises:
            ParameterError: there is nothing for this image, or nothing that can be used.
        """

    def stop(self) -> None:
        """Give up what is being worked out for images in other threads, if that can take long."""
        return


@dataclass(frozen=True)
class OneForAll(Guide):
    """The same spec for every image; *file* is as in Guidance."""

    spec: WarpSpec
    file: str | None = None

    def for_image(self, source: Source, picture: Picture | None = None) -> Guidance:
        """See Guide.for_image."""
        return Guidance(self.spec, file=self.file)


@dataclass(frozen=True)
class Listed(Guide):
    """The row of a parameter file that has the image's name.

    With *inverse* it is undone. *has_sizes*: each image gets the size that its row tells, if it tells one.
    """

    parameters: Parameters
    inverse: bool = False
    has_sizes: bool = True

    def for_image(self, source: Source, picture: Picture | None = None) -> Guidance:
        """See Guide.for_image."""
        key = source_key(source)
        row = self.parameters.row(key)
        if row is None:
            raise ParameterError(f"{self.parameters.path} has no row for {key!r}; add one, or leave the image out")
        file = str(self.parameters.path)
        crop = None if self.inverse else row.crop
        return Guidance(row.spec(self.inverse), self._size(row), crop, row.copied, file=file)

    def _size(self, row: Row) -> SizeRequest | None:
        size = row.input_size if self.inverse else row.output_size
        return SizeRequest(SizeMode.EXACT, size) if self.has_sizes and size is not None else None


@dataclass(frozen=True)
class Predicted(Guide):
    """What localisation networks make of the picture; with *inverse* it is undone.

    *output_size* is that of the results where it is the same for all of them; networks that see padded images ask.
    """

    localiser: "Localiser"
    inverse: bool = False
    output_size: Size | None = None

    def for_image(self, source: Source, picture: Picture | None = None) -> Guidance | None:
        """See Guide.for_image; ThetaError where the networks' numbers cannot be used."""
        if picture is None:
            return None
        wanted = None if self.inverse else self.output_size
        found = self.localiser.transform_of(as_seen(picture), wanted)
        canvas = None if wanted is None else self._canvas(picture.size, wanted)
        return Guidance(TransformSpec(found, self.inverse), canvas=canvas, advice=_NETWORKS)

    def stop(self) -> None:
        """See Guide.stop."""
        self.localiser.stop()

    def _canvas(self, size: Size, output_size: Size) -> Size:
        """The frame that the last network has in mind for an output of *output_size*, in pixels of an image of *size*.

        A padded frame has the network's own proportions, whatever those of the image and the output are.
        """
        from stnwarp.localisation.frames import shares

        metadata = self.localiser.checkpoints[-1].metadata
        parts = zip(size, shares(size, metadata), shares(output_size, metadata), strict=True)
        height, width = (max(1, round(side / own * wanted)) for side, own, wanted in parts)
        return height, width
