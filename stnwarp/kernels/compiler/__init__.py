"""From a kernel in Python to machine code: compiled by Numba and LLVM, kept on disk, loaded, called with addresses."""
