"""What callers pass as arrays, as NumPy arrays, without losing anything on the way."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stnwarp.errors import DtypeError, ParameterError, ShapeError


def as_array(values: ArrayLike, what: str) -> NDArray[Any]:
    """*values* as an array, called *what* in messages.

    Raises:
        ParameterError: something would be lost: a mask, or the gradient of a tensor.
        ShapeError: rows of different lengths.  DtypeError: what NumPy has no dtype for.
    """
    if type(values) is np.ndarray:
        return values
    if isinstance(values, np.ma.MaskedArray):
        raise ParameterError(f"{what} is a masked array, and its mask would be lost; pass {what}.filled(value)")
    if getattr(values, "requires_grad", False):
        raise ParameterError(f"{what} is a tensor that needs a gradient; use stnwarp.torch, or pass {what}.detach()")
    try:
        return np.asarray(values)
    except ValueError:
        raise ShapeError(f"{what} must be an array; give every row the same count") from None
    except (TypeError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise DtypeError(
            f"{what} cannot be taken as a NumPy array: {reason}; for tensors there is stnwarp.torch"
        ) from None


def native_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """*dtype* in this machine's byte order."""
    return dtype if dtype.isnative else dtype.newbyteorder("=")
