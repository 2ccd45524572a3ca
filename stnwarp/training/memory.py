"""What cannot lie in memory: refused before the work where that is certain, told in words where it turns out."""

from collections.abc import Iterator
from contextlib import contextmanager

from stnwarp.errors import ParameterError, StnwarpError, TrainingError
from stnwarp.localisation.values import LONGEST_INPUT, LONGEST_OUTPUT, written
from stnwarp.resources import machine_memory
from stnwarp.text import join_words
from stnwarp.training.choices import Settings, Size, TrainingRecipe
from stnwarp.training.networks.classifier import FILTERS

_FLOAT = 4  # bytes
_LEAST_BATCH = 2
# What PyTorch, oneDNN and onnxruntime call it; on the CPU none of them has a class for it.
_SIGNS = ("allocate", "out of memory", "enough memory", "bad_alloc", "memory object", "size calculation overflowed")


def check_memory(count: int, channels: int, size: Size) -> None:
    """ParameterError if *count* small copies of *size* need more memory than there is."""
    height, width = size
    needed = count * channels * height * width
    if needed > machine_memory():
        raise ParameterError(
            f"{count:,} images of {width}x{height} take {needed / 1e9:.1f} GB, more than there is; "
            "give a smaller --input-size"
        )


def check_sizes(settings: Settings) -> None:
    """ParameterError for sizes that no checkpoint can have, or of which not even a step of two images has room."""
    _check_sides(settings.input_size, "--input-size", LONGEST_INPUT)
    if settings.output_size is not None:
        _check_sides(settings.output_size, "--output-size", LONGEST_OUTPUT)
    height, width = settings.input_size
    _check_step(settings.input_size, "--input-size", settings.channels)
    if settings.recipe is TrainingRecipe.CLASSIFY:  # nothing else makes outputs of that size in training
        flag = "--input-size" if settings.output_size is None else "--output-size"
        _check_step(settings.output_size or (height, width), flag, FILTERS[0])


def _check_sides(size: tuple[int, int], flag: str, longest: int) -> None:
    if max(size) > longest:
        raise ParameterError(f"{flag} {written(size)}: a side has at most {longest} pixels; give a smaller one")


def _check_step(size: tuple[int, int], flag: str, maps: int) -> None:
    needed = _LEAST_BATCH * maps * size[0] * size[1] * _FLOAT
    if needed > machine_memory():
        raise ParameterError(
            f"{flag} {written(size)}: a step of {_LEAST_BATCH} images takes more than {needed / 1e9:.1f} GB, which is "
            "more memory than there is; give a smaller size"
        )


@contextmanager
def memory_in_words(settings: Settings) -> Iterator[None]:
    """TrainingError in place of whatever says that memory was not enough for a step of *settings*."""
    try:
        yield
    except StnwarpError:
        raise
    except Exception as error:
        if not isinstance(error, MemoryError) and not any(sign in str(error).lower() for sign in _SIGNS):
            raise
        sizes, flags = f"{written(settings.input_size)} pixels", ["--batch", "--input-size"]
        if settings.recipe is TrainingRecipe.CLASSIFY and settings.output_size is not None:
            sizes, flags = f"{sizes} and outputs of {written(settings.output_size)}", [*flags, "--output-size"]
        raise TrainingError(
            f"not enough memory to learn from up to {settings.batch} images of {sizes} at a time; give a smaller "
            f"{join_words(flags, 'or')}"
        ) from error
