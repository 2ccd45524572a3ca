"""All compiled code: kernels take arrays and an output, allocate nothing, release the GIL."""
