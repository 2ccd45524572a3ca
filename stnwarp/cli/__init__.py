"""The command line: parse, one call into the library, report."""

from stnwarp.cli.main import main

__all__ = ["main"]
