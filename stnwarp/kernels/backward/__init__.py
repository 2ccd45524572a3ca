"""The gradients of sampling, to the input and to the grid or the matrices."""
