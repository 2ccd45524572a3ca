"""Everybody who does what stnwarp does: one table, which correctness tests and benchmarks are made from."""

import stnwarp
from tests.implementations.samplers import GridSample, with_onnxruntime, with_oracle, with_torch

IMPLEMENTATIONS: dict[str, GridSample] = {
    "stnwarp": stnwarp.grid_sample,
    "torch": with_torch,
    "onnxruntime": with_onnxruntime,
    "oracle": with_oracle,
}

__all__ = ["IMPLEMENTATIONS", "GridSample", "with_onnxruntime", "with_oracle", "with_torch"]
