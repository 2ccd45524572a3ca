"""A trained localisation network as a checkpoint: one ONNX file that holds its weights and says what they mean."""

import copy
import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from stnwarp.errors import CheckpointError
from stnwarp.files.atomic import write_atomically
from stnwarp.localisation.checkpoint import Checkpoint
from stnwarp.localisation.metadata import METADATA_KEY, Layout, Metadata
from stnwarp.training.networks.localisation import LocalisationNetwork

_INPUT, _OUTPUT, _BATCH = "images", "parameters", "batch"
_OPSET = 18  # known to every onnxruntime that can be installed beside this package
_TOLERANCE = 1e-4  # of the largest parameter, at least of 1
_CHATTERING = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")


def export_checkpoint(network: nn.Module, metadata: Metadata, path: Path) -> None:
    """Write *network* to *path* as a checkpoint, replacing a file of that name only by a whole one.

    The network is exported as it is in use (`eval`), for batches of any size, in float32 on the CPU; it is itself
    left as it was. Before anything is written onnxruntime must give the numbers that PyTorch gives.

    Args:
        network: (N, C, h, w) float32 of the values *metadata* tells -> (N, P) final parameters of its family.
        metadata: what goes with it; `layout` must be NCHW.
        path: the .onnx file; its directory exists.

    Raises:
        CheckpointError: it cannot be exported, or gives other numbers.  OutputError: the disk takes no file.
    """
    write_atomically(Path(path), Exporter().checkpoint(network, metadata), overwrite=True)


def described_anew(path: Path, description: str) -> bytes:
    """The checkpoint in *path* with another description, and all else as it is; CheckpointError if it is none."""
    metadata = replace(Checkpoint.load(path).metadata, description=description)
    model = onnx.load_from_string(path.read_bytes())
    _describe(model, metadata)
    data: bytes = model.SerializeToString()
    return data


class Exporter:
    """Makes checkpoints of one network as it learns: to trace it takes a second, to exchange its weights nothing."""

    def __init__(self) -> None:
        self._model: onnx.ModelProto | None = None
        self._traced: dict[str, torch.Tensor] = {}

    def checkpoint(self, network: nn.Module, metadata: Metadata) -> bytes:
        """The file that `export_checkpoint` writes."""
        frozen = copy.deepcopy(network).cpu().float().eval().requires_grad_(False)
        images = _try_outs(metadata)
        folded = frozen.folded() if isinstance(frozen, LocalisationNetwork) else frozen
        if self._model is None or not self._exchange(folded):
            self._model = _exported(folded, images)
            self._traced = folded.state_dict()
        _describe(self._model, metadata)
        data: bytes = self._model.SerializeToString()
        _check(data, frozen, images)
        return data

    def _exchange(self, network: nn.Module) -> bool:
        """Put the weights of *network* into the traced model; False if some that changed have no place there."""
        assert self._model is not None
        places = {place.name: place for place in self._model.graph.initializer}
        state = network.state_dict()
        homeless = [name for name in state if name not in places]
        if any(
            not torch.equal(state[name], self._traced[name]) for name in homeless if state[name].is_floating_point()
        ):
            return False
        for name, tensor in state.items():
            if name in places:
                places[name].CopyFrom(onnx.numpy_helper.from_array(tensor.numpy(), name))
        return True


def _try_outs(metadata: Metadata) -> torch.Tensor:
    """Three images of noise, of the size that the network takes."""
    if metadata.layout is not Layout.NCHW:
        raise CheckpointError(f"networks are exported in layout NCHW, the metadata says {metadata.layout}")
    generator = torch.Generator().manual_seed(0)
    return torch.rand(3, metadata.mode.channels, *metadata.input_size, generator=generator)


def _exported(network: nn.Module, images: torch.Tensor) -> onnx.ModelProto:
    """*network* as an ONNX model, its weights inside."""
    batch = torch.export.Dim(_BATCH, min=1)
    try:
        with _quiet():
            program = torch.onnx.export(
                network,
                (images,),
                input_names=[_INPUT],
                output_names=[_OUTPUT],
                opset_version=_OPSET,
                dynamic_shapes=({0: batch},),
                dynamo=True,
                verbose=False,
            )
            assert program is not None
            model = program.model_proto
    except Exception as error:  # the exporter raises whatever its many parts raise
        reason = str(error).partition("\n")[0]
        raise CheckpointError(f"this network cannot be exported to ONNX: {reason}") from error
    _strip(model)
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter prints, warns and logs about its own parts; none of it concerns the user."""
    loggers = [logging.getLogger(name) for name in _CHATTERING]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _strip(model: onnx.ModelProto) -> None:
    """Take out what the exporter tells about the program it ran in: names of its files and functions."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    model.producer_name, model.producer_version = METADATA_KEY, ""


def _describe(model: onnx.ModelProto, metadata: Metadata) -> None:
    model.ClearField("metadata_props")
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, metadata.to_json()


def _check(data: bytes, network: nn.Module, images: torch.Tensor) -> None:
    """CheckpointError unless onnxruntime gives the parameters that *network* gives, for batches of one and more."""
    with torch.no_grad():
        wanted = network(images).numpy()
    session = _session(data)
    for count in (1, len(images)):
        (found,) = session.run([_OUTPUT], {_INPUT: images[:count].numpy()})
        difference = float(np.abs(found - wanted[:count]).max())
        if not difference <= _TOLERANCE * max(1.0, float(np.abs(wanted).max())):
            raise CheckpointError(
                f"the exported network differs from the trained one by {difference:g}; nothing was written"
            )


def _session(data: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
