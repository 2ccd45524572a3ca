"""Compiled code: kernels take a task (memory and numbers), allocate nothing, release the GIL."""
