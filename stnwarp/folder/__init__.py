"""Whole folders: find the sources, plan one job each, run them.

Convention: everything that can be refused is refused while planning; afterwards a bad image fails alone.
"""

from stnwarp.folder.jobs import Job, Outcome, Status
from stnwarp.folder.plan import Plan, plan
from stnwarp.folder.run import run
from stnwarp.folder.settings import Settings, share_cores, size_error, usable_cores
from stnwarp.folder.sources import Source, find_sources, left_out
from stnwarp.folder.work import process, warped

__all__ = [
    "Job",
    "Outcome",
    "Plan",
    "Settings",
    "Source",
    "Status",
    "find_sources",
    "left_out",
    "plan",
    "process",
    "run",
    "share_cores",
    "size_error",
    "usable_cores",
    "warped",
]
