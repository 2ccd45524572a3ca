"""Numba as a front end: from Python to LLVM's assembly language and no further.

Left to itself, Numba optimises and translates each helper for itself, links all that it calls into it, and does so once
more for whoever calls that helper: most of the time it takes. Here helpers stay as they were written down, and what is
left of a kernel's module is optimised and translated once, by `codegen`.
"""

from functools import cache
from typing import Any

from numba.core.codegen import AOTCodeLibrary, AOTCPUCodegen
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import LoweringPass, register_pass
from numba.core.typed_passes import AnnotateTypes, NativeLowering


class _Library(AOTCodeLibrary):  # type: ignore[misc]
    """The functions of one module, linked but not optimised."""

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        pass

    def show(self, module: Any) -> None:
        """Have Numba's inspect_llvm and inspect_asm show *module*, which is what became of this one."""
        self._final_module = module


class _Codegen(AOTCPUCodegen):  # type: ignore[misc]
    _library_class = _Library

    def _customize_tm_features(self) -> str:
        features: str = self._get_host_cpu_features()
        return features


@cache
def _codegen() -> Any:
    return _Codegen("stnwarp", cpu_name="host")


@register_pass(mutates_CFG=False, analysis_only=True)
class _WithoutMachineCode(LoweringPass):  # type: ignore[misc]
    _name = "stnwarp_without_machine_code"

    def __init__(self) -> None:
        LoweringPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        state.library = _codegen().create_library(state.func_id.func_qualname)
        state.flags.no_compile = True
        return False


@register_pass(mutates_CFG=False, analysis_only=True)
class _Registered(LoweringPass):  # type: ignore[misc]
    """Callers find a function by the Python function that runs it: here is none, and something else stands for it."""

    _name = "stnwarp_registered"

    def __init__(self) -> None:
        LoweringPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        stand_in = object().__sizeof__  # of the type that Numba asks for, and no two are equal
        state.library.finalize()
        lowered = state["cr"]
        state.targetctx.insert_user_function(stand_in, lowered.fndesc, [state.library])
        state["cr"] = lowered._replace(cfunc=stand_in)
        return True


class IrPipeline(CompilerBase):  # type: ignore[misc]
    """The pipeline of every kernel and helper."""

    def define_pipelines(self) -> list[Any]:
        """Numba's own, with the passes above before and behind lowering."""
        manager = DefaultPassBuilder.define_nopython_pipeline(self.state)
        manager.add_pass_after(_WithoutMachineCode, AnnotateTypes)
        manager.add_pass_after(_Registered, NativeLowering)
        manager.finalize()
        return [manager]
