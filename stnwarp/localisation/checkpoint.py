"""A checkpoint: a localisation network with what is known about it, by its own metadata or by its user's word."""

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stnwarp.errors import CheckpointError, ParameterError, ThetaError
from stnwarp.localisation.colours import size_of
from stnwarp.localisation.files import is_shipped, model_bytes
from stnwarp.localisation.frames import in_own_frames
from stnwarp.localisation.inputs import in_layout, network_input
from stnwarp.localisation.metadata import Metadata
from stnwarp.localisation.network import Network
from stnwarp.localisation.onnx.reasons import reason
from stnwarp.localisation.onnx.session import LocalSession, Session
from stnwarp.localisation.onnx.worker_session import WorkerSession
from stnwarp.localisation.signature import check_fits, picture_shape, signature_of
from stnwarp.localisation.told import Told, check_output, check_told, metadata_of, view_of
from stnwarp.localisation.values import Size
from stnwarp.sampling.arrays import check_threads
from stnwarp.transforms import Transform, transform_from_parameters

NOT_FINITE = "checkpoint produced a non-finite theta"


class Checkpoint:
    """A localisation network, tried out and ready to run; made by `Checkpoint.load`.

    Attributes:
        name: as it was asked for.
        metadata: what the network takes and gives.
        is_foreign: whether the file has no metadata of its own, so that they were put together from its shapes and
            from what the caller told.
    """

    def __init__(self, name: str, network: Network, metadata: Metadata, is_foreign: bool) -> None:
        self.name, self.metadata, self.is_foreign = name, metadata, is_foreign
        self._network = network

    @classmethod
    def load(
        cls,
        name_or_path: str | os.PathLike[str],
        *,
        family: str | None = None,
        input_size: Size | None = None,
        normalize: str | None = None,
        threads: int = 1,
    ) -> "Checkpoint":
        """The checkpoint of a name that comes with the package, or in an ONNX file.

        The file is read as bytes and looked through before onnxruntime sees it; no other file is read. A network of
        others is loaded and run in a process of its own, with limits to its memory and time; one that comes with the
        package in this process. A network without metadata of stnwarp's needs *input_size* if it takes pictures of any
        size; all that its shapes tell is taken from them.

        Args:
            name_or_path: "digits", say, or a path, which has a suffix or a separator or is an existing file.
            family: what the numbers are, by a name of Family; by default what their count suggests.
            input_size: (height, width) of the pictures it takes.
            normalize: what its values mean: "imagenet", a range such as "0..1" (the default; "0..255" for a network
                that takes bytes), "-1..1", or "MEAN/STD".
            threads: of onnxruntime, for one run of the network.

        Raises:
            CheckpointError: the file cannot be read, trusted or run, or does not fit what was told.
            ParameterError: family, input_size, normalize or threads is not possible for any network.
        """
        told, count, name = Told.of(family, input_size, normalize), check_threads(threads), os.fspath(name_or_path)
        session_of = LocalSession if is_shipped(name_or_path) else WorkerSession
        try:
            return cls._opened(name, session_of(model_bytes(name_or_path), count), told)
        except CheckpointError as error:
            raise CheckpointError(f"{name}: {reason(error)}") from error

    @classmethod
    def _opened(cls, name: str, session: Session, told: Told) -> "Checkpoint":
        signature, text = signature_of(session.declaration), session.declaration.metadata
        if text is None:
            view = view_of(signature, told)
            network = Network(session, signature, picture_shape(view.layout, view.mode, view.size))
            return cls(name, network, metadata_of(network.output_shape, view, told), is_foreign=True)
        metadata = Metadata.from_json(text)
        check_told(metadata, told)
        check_fits(signature, metadata.layout, metadata.mode, metadata.input_size)
        network = Network(session, signature, picture_shape(metadata.layout, metadata.mode, metadata.input_size))
        check_output(network.output_shape, metadata)
        return cls(name, network, metadata, is_foreign=False)

    def numbers(self, pictures: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        """The parameters (N, P) of *pictures*, each as `network_input` makes it; the others in a batch play no part.

        Raises:
            CheckpointError: the network cannot be run on one; its place is named.
        """
        rows = self.numbers_or_faults(pictures)
        for index, row in enumerate(rows):
            if isinstance(row, CheckpointError):
                raise row if len(rows) == 1 else CheckpointError(f"image {index + 1} of {len(rows)}: {row}") from row
        return np.array(rows, np.float64).reshape(len(rows), self._network.width)

    def numbers_or_faults(self, pictures: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float64] | CheckpointError]:
        """The same row by row (P,), with a CheckpointError in the place of a picture that has none."""
        rows = self._network.run([in_layout(picture, self.metadata) for picture in pictures])
        return [_named(self.name, row) if isinstance(row, CheckpointError) else row for row in rows]

    def stop(self) -> None:
        """End what the network works on in other threads: it raises Ended there."""
        self._network.stop()

    def transform(self, numbers: ArrayLike, size: Size, output_size: Size | None = None) -> Transform:
        """The transform that the parameters *numbers* mean for an image of *size* (height, width).

        Args:
            numbers: (P,), a row of what `numbers` gives.
            size: of the image.
            output_size: of the output; by default the image's. It matters for a network that sees padded images.

        Raises:
            ThetaError: they are not finite, or describe no transform.
        """
        if not np.isfinite(numbers).all():
            raise ThetaError(NOT_FINITE)
        known = self.metadata
        try:
            transform = transform_from_parameters(known.family, numbers, known.control_points)
            return in_own_frames(transform, size, output_size or size, known)
        except ParameterError as error:
            raise ThetaError(f"checkpoint produced parameters that cannot be used: {error}") from error

    def localise(self, images: Sequence[ArrayLike]) -> list[Transform]:
        """The transform that takes each of *images* to its canonical pose, for outputs of their own sizes.

        Args:
            images: each (H, W) or (H, W, C) as in `network_input`.

        Raises:
            ShapeError: one is not an image.  ThetaError: the network's numbers for one cannot be used.
            CheckpointError: the network cannot be run on one; its place is named.
        """
        rows = self.numbers([network_input(image, self.metadata) for image in images])
        return [self.transform(row, size_of(image)) for row, image in zip(rows, images, strict=True)]


def _named(name: str, error: CheckpointError) -> CheckpointError:
    named = CheckpointError(f"{name}: {error}")
    named.__cause__ = error
    return named
