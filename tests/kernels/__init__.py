"""Kernels: how they are compiled, kept and loaded, and the runs without the compiler and with bounds checks."""
