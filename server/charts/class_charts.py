"""Charts of one class: its means, and how often its students took part."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from gallery.attendance.class_statistics import spread
from server.charts.drawing import (
    BLUE,
    INK,
    ORANGE,
    QUIET,
    chart,
    counts,
    decimals,
    empty_chart,
    grid,
    name_axes,
    number,
    write,
)
from server.charts.numbers import ClassNumbers

_NO_ONE = "La clase no tiene alumnos."
_NOTHING = "Todavía no se han registrado participaciones en esta clase."


def class_means(of: ClassNumbers) -> bytes:
    """Attendances and participations per student of a class."""
    title = f"{of.label}: asistencias y participaciones por alumno"
    if not of.students:
        return empty_chart(title, _NO_ONE)
    values = [of.asistencias, of.participaciones]

    def draw(axes: Axes) -> None:
        bars = axes.bar(["Asistencias", "Participaciones"], values, width=0.55, color=[BLUE, ORANGE], edgecolor="white")
        bars[1].set_hatch("//")
        for place, value in enumerate(values):
            write(axes, place, value, number(value), ha="center", va="bottom", fontsize=14, color=INK)
        axes.set_ylim(0, max(1.0, 1.15 * max(values)))
        name_axes(axes, f"{len(of.students)} alumnos", "Promedio por alumno")
        decimals(axes.yaxis)
        grid(axes, "y")
        axes.tick_params(axis="x", labelsize=13)

    return chart(title, draw)


def class_spread(of: ClassNumbers) -> bytes:
    """How often the students of a class took part: a box plot, with a dot per student."""
    title = f"{of.label}: distribución de participaciones"
    values = [each.participaciones for each in of.students]
    found = spread(values)
    if found is None:
        return empty_chart(title, _NO_ONE)
    if not any(values):
        return empty_chart(title, _NOTHING)

    def draw(axes: Axes) -> None:
        box = {
            "med": found.median,
            "q1": found.q1,
            "q3": found.q3,
            "whislo": found.low,
            "whishi": found.high,
            "fliers": [],
        }
        axes.bxp(
            [box], positions=[0], widths=0.5, orientation="horizontal", patch_artist=True, showfliers=False,
            boxprops={"facecolor": "#cfe4f2", "edgecolor": BLUE, "linewidth": 1.8},
            medianprops={"color": INK, "linewidth": 2.5}, whiskerprops={"color": BLUE, "linewidth": 1.8},
            capprops={"color": BLUE, "linewidth": 1.8},
        )  # fmt: skip
        height = np.random.default_rng(0).uniform(-0.16, 0.16, len(values))
        axes.scatter(values, height, s=34, color=ORANGE, edgecolor=INK, linewidth=0.6, alpha=0.85, zorder=4)
        axes.scatter([found.mean], [0.36], marker="v", s=70, color=INK, zorder=5)
        write(
            axes, found.mean, 0.42, f"promedio {number(found.mean)}", ha="center", va="bottom", fontsize=11, color=INK
        )
        write(
            axes,
            found.median,
            -0.32,
            f"mediana {number(found.median)}",
            ha="center",
            va="top",
            fontsize=11,
            color=QUIET,
        )
        axes.set_ylim(-0.55, 0.62)
        axes.set_yticks([])
        name_axes(axes, "Participaciones por alumno (un punto es un alumno)", "")
        counts(axes.xaxis)
        axes.margins(x=0.08)
        grid(axes, "x")

    return chart(title, draw, height=4.2)
