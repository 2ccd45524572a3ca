"""Pictures of sampling grids, which explain reverse mapping at a glance.

`draw_grid` lays out a `Scene` once; `render_png` and `render_svg` write that same scene, so that both have
the same content.
"""

from stnwarp.drawing.layout import draw_grid
from stnwarp.drawing.raster import render_png
from stnwarp.drawing.scene import Scene
from stnwarp.drawing.vector import render_svg

__all__ = ["Scene", "draw_grid", "render_png", "render_svg"]
