"""The kernels that the first run on a machine needs, compiled side by side before it begins."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from itertools import islice
from typing import NamedTuple

import numpy as np

from stnwarp.errors import StnwarpError
from stnwarp.folder.coverage import encode_coverage
from stnwarp.folder.decisions import Decision, decide
from stnwarp.folder.jobs import Job
from stnwarp.folder.resampling import warped
from stnwarp.folder.settings import Settings
from stnwarp.images.colour import default_fill
from stnwarp.images.picture import CHANNELS, DTYPES, Picture
from stnwarp.images.probe import ImageHeader, probe
from stnwarp.kernels.compiler.compiled_kernel import (
    Specialisation,
    collect_specialisations,
    is_first_run,
    notify_compile,
    takes_arrays,
)
from stnwarp.kernels.compiler.object_cache import can_cache
from stnwarp.rectangle import crop_size
from stnwarp.sampling.footprints import any_shrinks
from stnwarp.transforms import ImageWarp, MatrixTransform, pixel_entries

# Of so many images the headers are read: kinds that only come up later are compiled then.
_HEADERS = 100


def compile_ahead(jobs: Sequence[Job], settings: Settings, processes: int) -> None:
    """Compile what *jobs* need in up to so many *processes*, if no kernel was compiled before and they need several.

    One after the other, as the jobs come to them, takes almost twice as long on two cores. What cannot be compiled here
    is left to the jobs.
    """
    if processes < 2 or len(jobs) < 2 or not is_first_run() or not can_cache() or takes_arrays():
        return
    from stnwarp.sampling.compilation import compile_side_by_side, processes_for

    has_coverage = any(job.coverage is not None for job in jobs)
    needed = _specialisations(_kinds(jobs, settings), settings, has_coverage)
    processes = min(processes, processes_for(len(needed)))
    if processes < 2:
        return
    notify_compile(next(iter(needed.values())).kernel.name)
    with suppress(OSError, RuntimeError), closing(compile_side_by_side(list(needed), processes)) as results:
        for _ in results:
            pass


class _Kind(NamedTuple):
    """What decides about the kernels that an image needs."""

    mode: str
    shrinks: bool


def _kinds(jobs: Iterable[Job], settings: Settings) -> Iterator[_Kind]:
    """The kinds of the first images, each once."""
    known = set[_Kind]()
    for job in islice(jobs, _HEADERS):
        with suppress(StnwarpError, OSError):  # which the job will report
            if job.source.path is None:
                continue
            header = probe(job.source.path, max_pixels=settings.max_pixels)
            kind = _Kind(header.mode, _shrinks(job, header, settings))
            if kind not in known:
                known.add(kind)
                yield kind


def _shrinks(job: Job, header: ImageHeader, settings: Settings) -> bool:
    """Whether the image of *job* shrinks, where that is known before a network has looked at it."""
    guidance = settings.guide.for_image(job.source)
    if guidance is None:
        return False
    size = crop_size(header.size, guidance.crop or settings.crop)
    image_warp = decide(guidance, size, settings, header.focal_length_35mm).image_warp
    if not isinstance(image_warp.transform, MatrixTransform) or not image_warp.transform.is_affine:
        return True
    return any_shrinks(
        np.array(pixel_entries(image_warp.transform.theta, size, image_warp.size, settings.align_corners))
    )


def _specialisations(kinds: Iterable[_Kind], settings: Settings, has_coverage: bool) -> dict[str, Specialisation]:
    """The kernels that pictures of *kinds* need when they are warped by a matrix, by the names of their files."""
    same, smaller = (ImageWarp(MatrixTransform(np.eye(2, 3)), size) for size in ((4, 4), (2, 2)))
    with collect_specialisations() as collected:
        for mode, shrinks in kinds:
            shape = (4, 4, CHANNELS[mode]) if CHANNELS[mode] > 1 else (4, 4)
            picture = Picture(np.zeros(shape, DTYPES.get(mode, np.uint8)), mode)
            warped(picture, smaller if shrinks else same, default_fill(mode), settings)
        if has_coverage:
            encode_coverage(Decision(same, (4, 4)), settings)
    return {specialisation.file: specialisation for specialisation in collected}
