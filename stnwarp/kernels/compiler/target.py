"""The processor that kernels are compiled for, as LLVM knows it."""

import os
from typing import Any

_V3 = "+avx,+avx2,+bmi,+bmi2,+cmov,+cx16,+f16c,+fma,+lzcnt,+movbe,+popcnt,+sse3,+sse4.1,+sse4.2,+ssse3"
# The levels of x86-64 above the second by LLVM's names of them, the lowest first, and what processors of each have.
LEVELS = {
    "x86-64-v3": _V3,
    "x86-64-v4": f"{_V3},+avx512bw,+avx512cd,+avx512dq,+avx512f,+avx512vl",
}


def target_machine() -> Any:
    """Make LLVM's description of this processor, set up as Numba does it."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    cpu, features = processor()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    model = {"reloc": "pic", "codemodel": "small"} if is_code_small() else {}
    return target.create_target_machine(cpu=cpu, features=features, opt=3, jit=True, **model)


def is_code_small() -> bool:
    """Return whether kernels reach their constants by offsets of 32 bits; they must then lie in memory side by side.

    Otherwise each constant takes an address of 64 bits, and often a register of a loop.
    """
    import llvmlite.binding as llvm

    return "x86_64" in llvm.get_process_triple() and "linux" in llvm.get_process_triple()


def processor() -> tuple[str, str]:
    """Return name and features of this processor, or what NUMBA_CPU_NAME and NUMBA_CPU_FEATURES say."""
    import llvmlite.binding as llvm

    cpu = os.environ.get("NUMBA_CPU_NAME") or llvm.get_host_cpu_name()
    return cpu, os.environ.get("NUMBA_CPU_FEATURES") or llvm.get_host_cpu_features().flatten()


def has_fma() -> bool:
    """Return whether this processor multiplies and adds in one operation; those of other families than x86 all do."""
    import llvmlite.binding as llvm

    return "+fma" in processor()[1].split(",") or not llvm.get_process_triple().startswith(("x86_64", "i"))
