"""Loads, stores and vector code that Numba cannot express: LLVM's own instructions, each with a plain Python twin."""
