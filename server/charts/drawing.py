"""What all charts share: size, colours, an empty chart, PNG. Import it only where a chart is drawn: matplotlib is slow.

No global state of matplotlib is changed, and one chart is drawn at a time: its fonts are not made for threads.
Colours are Okabe and Ito's, told apart by colour-blind readers; markers and hatching say the same without colour.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator

INK, QUIET, PAPER = "#1d2733", "#5b6673", "#ffffff"
BLUE, ORANGE = "#0072b2", "#e69f00"
"""Attendance and participation, in every chart that has both."""
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442")
MARKERS = "osD^vPX"
OTHERS = "#9aa4af"
WIDTH, HEIGHT = 9.0, 6.0
"""Inches, of 100 pixels each."""
_DPI = 100
_LONGEST_NAME = 28
_DRAWING = threading.Lock()


def chart(title: str, draw: Callable[[Axes], None], height: float = HEIGHT, below_title: float = 14) -> bytes:
    """Draw a chart; the PNG, 900 pixels wide.

    Args:
        title: what it shows.
        draw: draws it.
        height: in inches.
        below_title: how much room is left below the title, in points.
    """
    with _DRAWING:
        figure = Figure(figsize=(WIDTH, height), dpi=_DPI, facecolor=PAPER, layout=_layout())
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.set_title(
            title, loc="left", fontsize=15, color=INK, pad=below_title, fontweight="bold", parse_math=False, wrap=True
        )
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(QUIET)
        axes.tick_params(colors=INK, labelsize=11)
        draw(axes)
        out = io.BytesIO()
        figure.savefig(out, format="png", facecolor=PAPER, metadata={"Software": None})
        return out.getvalue()


def _layout() -> ConstrainedLayoutEngine:
    """Places what a chart consists of, with room at its edges; each chart has its own."""
    return ConstrainedLayoutEngine(w_pad=0.2, h_pad=0.15)


def empty_chart(title: str, reason: str) -> bytes:
    """A chart that says why there is nothing to draw."""

    def draw(axes: Axes) -> None:
        axes.set_axis_off()
        write(axes, 0.5, 0.5, reason, transform=axes.transAxes, ha="center", va="center", fontsize=14, color=QUIET)

    return chart(title, draw)


def write(axes: Axes, x: float, y: float, text: str, **look: Any) -> None:
    """Write a text as it is: a dollar sign in a name is no formula."""
    axes.text(x, y, text, parse_math=False, **look)


def name_axes(axes: Axes, x: str, y: str) -> None:
    """Name both axes."""
    axes.set_xlabel(x, fontsize=12, color=INK, parse_math=False)
    axes.set_ylabel(y, fontsize=12, color=INK, parse_math=False)


def grid(axes: Axes, axis: Literal["both", "x", "y"]) -> None:
    """Quiet lines behind what is drawn, across one axis or both."""
    axes.grid(True, axis=axis, color=QUIET, alpha=0.25, linewidth=0.7)
    axes.set_axisbelow(True)


def counts(axis: Any) -> None:
    """An axis of counts: it has whole numbers."""
    axis.set_major_locator(MaxNLocator(nbins=8, integer=True))


def decimals(axis: Any) -> None:
    """An axis of numbers, written as in Mexico."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))


def number(value: float) -> str:
    """A number with at most one decimal place."""
    return f"{value:,.1f}".removesuffix(".0")


def shortened(name: str) -> str:
    """A name that fits into a chart."""
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
