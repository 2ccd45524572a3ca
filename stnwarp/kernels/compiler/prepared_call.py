"""Calls of a kernel that differ in a few addresses: all other numbers are put together once.

That takes longer than a kernel needs for a small image.
"""

from array import array

import numpy as np
from numpy.typing import NDArray

from stnwarp.kernels.compiler.arguments import PointerArgs, address_of
from stnwarp.kernels.compiler.compiled_kernel import CompiledKernel, takes_arrays


class PreparedCall:
    """A kernel's call, whose first two arguments are a source and an output, for sources and outputs of one kind.

    Args:
        kernel: the kernel.
        types: NumPy's letters for the dtypes of source and output.
        before: the arguments between the output and the work space, whole numbers in tuples and `PointerArgs`.
        space: a work space like those that calls bring along.
        after: the whole numbers behind it.
    """

    def __init__(
        self,
        kernel: CompiledKernel,
        types: str,
        before: tuple[tuple[int, ...] | PointerArgs, ...],
        space: PointerArgs,
        after: tuple[int, ...],
    ) -> None:
        numbers, letters = [0, 0], [types]
        for argument in before:
            if isinstance(argument, PointerArgs):
                letters.append(argument.types)
                numbers += argument.addresses
            else:
                numbers += argument
        self._kernel, self._kept_alive = kernel, before
        self._types = "".join([*letters, space.types])
        self._space = slice(len(numbers), len(numbers) + len(space.addresses))
        self._numbers = array("q", [*numbers, *space.addresses, *after])

    def run(self, source: NDArray[np.generic], output: NDArray[np.generic], space: PointerArgs) -> bool:
        """Run the kernel, without the interpreter's lock; return False if it is not loaded and nothing was done.

        The arrays are contiguous, and writeable.
        """
        function = None if takes_arrays() else self._kernel.loaded(self._types)
        if function is None:
            return False
        numbers = self._numbers[:]
        numbers[0], numbers[1] = address_of(source), address_of(output)
        numbers[self._space] = array("q", space.addresses)
        function(numbers.buffer_info()[0])
        return True
