"""Whole folders: find the sources, plan one job each, run them.

Convention: everything that can be refused is refused while planning; afterwards a bad image fails alone.
"""

from stnwarp.folder.decisions import Decision, decide
from stnwarp.folder.fill import check_fill
from stnwarp.folder.guards import Guards
from stnwarp.folder.guides import Guidance, Guide, Listed, OneForAll, Predicted
from stnwarp.folder.jobs import Job, Outcome, Status
from stnwarp.folder.looking import look
from stnwarp.folder.plan import Plan, plan
from stnwarp.folder.resampling import warped
from stnwarp.folder.run import run
from stnwarp.folder.saving import Saving, row_of_outcome, rows_without_image
from stnwarp.folder.settings import Settings, size_error
from stnwarp.folder.sources import Source, find_sources, left_out, source_key
from stnwarp.folder.work import process

__all__ = [
    "Decision",
    "Guards",
    "Guidance",
    "Guide",
    "Job",
    "Listed",
    "OneForAll",
    "Outcome",
    "Plan",
    "Predicted",
    "Saving",
    "Settings",
    "Source",
    "Status",
    "check_fill",
    "decide",
    "find_sources",
    "left_out",
    "look",
    "plan",
    "process",
    "row_of_outcome",
    "rows_without_image",
    "run",
    "size_error",
    "source_key",
    "warped",
]
