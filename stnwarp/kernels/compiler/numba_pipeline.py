"""Numba as a front end: from Python to LLVM's assembly language and no further.

Left to itself, Numba optimises and translates each helper for itself, links all that it calls into it, and does so once
more for whoever calls that helper: most of the time it takes. Here helpers stay the text that they were written down
as. When a kernel needs them they are put together, optimised and translated once, by `codegen`.
"""

from functools import cache
from typing import Any, ClassVar

import llvmlite.binding as llvm
from numba.core import cgutils, typed_passes, types, untyped_passes
from numba.core.codegen import AOTCodeLibrary, AOTCPUCodegen, CodeLibrary
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import LoweringPass, PassManager, register_pass
from numba.core.registry import cpu_target


class _Library(AOTCodeLibrary):  # type: ignore[misc]
    """The functions of one module as text, and the libraries of those they call."""

    def __init__(self, codegen: Any, name: str) -> None:
        CodeLibrary.__init__(self, codegen, name)  # those between have LLVM make a module
        self._linking_libraries: list[Any] = []
        self._texts: list[str] = []

    def add_ir_module(self, ir_module: Any) -> None:
        self._texts.append(cgutils.normalize_ir_text(str(ir_module)))

    def finalize(self) -> None:
        self._finalized = True

    def _get_module_for_linking(self) -> Any:
        """Return a module for a library of Numba's own kind, to be linked to others that hold the same functions."""
        module = self.link()
        for function in module.functions:
            if not function.is_declaration and function.linkage == llvm.Linkage.external:
                function.linkage = "linkonce_odr"
        return module

    def link(self) -> Any:
        """Link all functions that are called from here into one new module, not optimised."""
        module = llvm.parse_assembly("")
        module.name = self.name
        for library in self._libraries({}):
            if isinstance(library, _Library):
                for text in library._texts:
                    module.link_in(llvm.parse_assembly(text))
            else:  # what Numba compiles with a pipeline of its own
                module.link_in(library._get_module_for_linking(), preserve=True)
        return module

    def _libraries(self, known: dict[Any, None]) -> dict[Any, None]:
        """Add this library and those that it needs to `known`, each once, and return it."""
        known[self] = None
        for library in self._linking_libraries:
            if library not in known:
                if isinstance(library, _Library):
                    library._libraries(known)
                else:
                    known[library] = None
        return known

    def show(self, module: Any) -> None:
        """Have Numba's inspect_llvm and inspect_asm show `module`, which is what became of this one."""
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
class _NoMachineCodePass(LoweringPass):  # type: ignore[misc]
    _name = "stnwarp_without_machine_code"

    def __init__(self) -> None:
        LoweringPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        state.library = _codegen().create_library(state.func_id.func_qualname)
        state.flags.no_compile = True
        return False


@register_pass(mutates_CFG=False, analysis_only=True)
class _RegistrationPass(LoweringPass):  # type: ignore[misc]
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


# Of Numba's own passes those that kernels need: they have no closures, `with` blocks, rewrites, loops over tuples or
# `raise` statements.
_PASSES = (
    untyped_passes.TranslateByteCode,
    untyped_passes.FixupArgs,
    untyped_passes.IRProcessing,
    untyped_passes.ReconstructSSA,
    typed_passes.NopythonTypeInference,
    typed_passes.PreLowerStripPhis,
    typed_passes.IRLegalization,
    typed_passes.AnnotateTypes,
    _NoMachineCodePass,
    typed_passes.NativeLowering,
    _RegistrationPass,
    typed_passes.NoPythonBackend,
)


class _FrozenContext:
    """A `context` of Numba's that is not searched for new declarations again."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def refresh(self) -> None:
        """Do nothing."""


class _TypingContext(_FrozenContext):
    """Numba's typing context, which searches for the overload of an operator once for each set of types.

    Numba tries every template, of which an addition has dozens, for each operation of each helper, and twice.
    """

    _overloads: ClassVar[dict[Any, Any]] = {}

    def resolve_function_type(self, function: Any, arguments: Any, keywords: Any) -> Any:
        """Return the signature of a call of `function`, as Numba finds it."""
        if keywords or not isinstance(function, types.Function):
            return self._context.resolve_function_type(function, arguments, keywords)
        key = (function, arguments)
        found = self._overloads.get(key)
        if found is None:
            found = self._context.resolve_function_type(function, arguments, keywords)
            if found is not None:
                self._overloads[key] = found
        return found


class IrPipeline(CompilerBase):  # type: ignore[misc]
    """The pipeline of every kernel and helper."""

    def __init__(self, typingctx: Any, targetctx: Any, *arguments: Any) -> None:
        super().__init__(_TypingContext(typingctx), _FrozenContext(targetctx), *arguments)

    def define_pipelines(self) -> list[Any]:
        """Return Numba's passes without those that kernels do not need, and the passes above around lowering."""
        manager = PassManager("stnwarp")
        for each in _PASSES:
            manager.add_pass(each, each.__name__)
        manager.finalize()
        return [manager]


def refresh() -> None:
    """Have Numba find what was declared since the last time, which it would otherwise do for each function."""
    cpu_target.typing_context.refresh()
    cpu_target.target_context.refresh()
