"""A plug-in of pytest: the tests run as with a Numba that no longer has the classes that stnwarp is fast with."""

import numba.core.codegen

del numba.core.codegen.AOTCPUCodegen, numba.core.codegen.AOTCodeLibrary
