"""What the user of a checkpoint tells about it: all there is for a network without metadata, else a claim to check."""

from collections.abc import Sequence
from dataclasses import dataclass

from stnwarp.conventions import Family, parse_enum
from stnwarp.errors import CheckpointError, ParameterError
from stnwarp.localisation import values
from stnwarp.localisation.metadata import ColourMode, Layout, Metadata
from stnwarp.localisation.normalisation import Normalisation, parse_normalisation
from stnwarp.localisation.parameters import control_points_of_shape, family_of_shape, fits_family
from stnwarp.localisation.signature import Signature, check_fits, mode_of, written_shape
from stnwarp.localisation.values import Size


@dataclass(frozen=True)
class Told:
    """What the caller says of a network; None where nothing is said."""

    family: Family | None = None
    input_size: Size | None = None
    normalisation: Normalisation | None = None

    @classmethod
    def of(cls, family: str | None, input_size: Size | None, normalize: str | None) -> "Told":
        """The same in plain values; ParameterError for what no network can be."""
        return cls(
            None if family is None else parse_enum(Family, family, "family"),
            None if input_size is None else values.input_size(input_size, "input_size"),
            None if normalize is None else parse_normalisation(normalize),
        )


@dataclass(frozen=True)
class View:
    """What a network without metadata sees."""

    layout: Layout
    mode: ColourMode
    size: Size
    normalisation: Normalisation


def view_of(signature: Signature, told: Told) -> View:
    """What a network of *signature* sees, as far as that can be known.

    Raises:
        CheckpointError: it takes pictures of any size and none is told, or not those of the size that is told.
    """
    layout = signature.layout
    mode = mode_of(signature, layout)
    size = _size(signature, layout, told)
    check_fits(signature, layout, mode, size)
    return View(layout, mode, size, _normalisation(signature, mode, told))


def metadata_of(output_shape: Sequence[int], view: View, told: Told) -> Metadata:
    """The metadata of a network without any, which sees *view* and gives numbers of *output_shape* for each picture.

    Raises:
        CheckpointError: no family has numbers of that shape, or the one that is told has not.
    """
    family = told.family or family_of_shape(output_shape)
    gives = f"gives numbers of shape {written_shape(output_shape)}"
    if family is None:
        raise CheckpointError(
            f"{gives}, which no family has; a thin plate spline whose control "
            "points make no square gives (N, rows, columns, 2)"
        )
    is_spline = family is Family.THIN_PLATE_SPLINE
    points = control_points_of_shape(output_shape) if is_spline else None
    if (is_spline and points is None) or not fits_family(output_shape, family, points):
        raise CheckpointError(f"{gives}, which are not those of family {family}")
    known = view.normalisation
    try:
        return Metadata(
            family=family,
            control_points=points,
            input_size=view.size,
            layout=view.layout,
            mode=view.mode,
            value_range=known.value_range,
            mean=known.mean,
            std=known.std,
        )
    except ParameterError as error:  # what is told has been checked: its own shapes are more than there may be
        raise CheckpointError(f"its shapes cannot be used: {error}") from error


def check_told(metadata: Metadata, told: Told) -> None:
    """CheckpointError unless what is *told* of a checkpoint is what its own *metadata* say."""
    known = Normalisation(metadata.value_range, metadata.mean, metadata.std)
    for flag, said, own, stated in (
        ("--family", told.family, metadata.family, metadata.family),
        ("--input-size", told.input_size, metadata.input_size, values.written(metadata.input_size)),
        ("--normalize", told.normalisation, known, "something else"),
    ):
        if said is not None and said != own:
            raise CheckpointError(f"{flag} contradicts its own metadata, which say {stated}; leave it out")


def check_output(output_shape: Sequence[int], metadata: Metadata) -> None:
    """CheckpointError unless numbers of *output_shape* for each picture are what the *metadata* say."""
    if not fits_family(output_shape, metadata.family, metadata.control_points):
        raise CheckpointError(
            f"gives numbers of shape {written_shape(output_shape)}; its metadata say {metadata.family}, which has "
            f"{len(metadata.parameter_names)}"
        )


def _size(signature: Signature, layout: Layout, told: Told) -> Size:
    height, width = signature.size(layout)
    if height is not None and width is not None:
        own = (height, width)
        if told.input_size not in (None, own):
            raise CheckpointError(f"takes pictures of {values.written(own)}, which --input-size contradicts; omit it")
        return own
    if told.input_size is None:
        raise CheckpointError(f"takes pictures of any size, {signature.written()}; say which with --input-size WxH")
    return told.input_size


def _normalisation(signature: Signature, mode: ColourMode, told: Told) -> Normalisation:
    known = told.normalisation or Normalisation((0.0, 255.0 if signature.takes_bytes else 1.0))
    for numbers in (known.mean, known.std):
        if len(numbers) not in (1, mode.channels):
            raise CheckpointError(f"--normalize has {len(numbers)} numbers for a network of one channel; give one")
    return known
