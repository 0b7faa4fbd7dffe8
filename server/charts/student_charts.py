"""Charts of one student: beside the class, and in its ranking."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from server.charts.drawing import (
    BLUE,
    INK,
    ORANGE,
    OTHERS,
    QUIET,
    chart,
    counts,
    grid,
    name_axes,
    number,
    shortened,
    write,
)
from server.charts.numbers import ClassNumbers, Place, StudentNumbers


def student_bars(own: StudentNumbers, of_class: ClassNumbers | None) -> bytes:
    """A student's attendances and participations, beside the means of the class.

    ``of_class``: None where the class may not be shown, or there is none.
    """
    title = f"{shortened(own.nombre)}: asistencias y participaciones"
    values = [own.asistencias, own.participaciones]
    means = [of_class.asistencias, of_class.participaciones] if of_class else [0.0, 0.0]

    def draw(axes: Axes) -> None:
        width = 0.38 if of_class else 0.55
        where = np.arange(2) - (width / 2 if of_class else 0)
        bars = axes.bar(where, values, width, color=[BLUE, ORANGE], edgecolor="white", zorder=3)
        bars[1].set_hatch("//")
        for x, value in zip(where, values, strict=True):
            write(axes, x, value, str(value), ha="center", va="bottom", fontsize=14, color=INK, fontweight="bold")
        if of_class:
            axes.bar(np.arange(2) + width / 2, means, width, color="#dfe3e8", edgecolor=OTHERS, zorder=3)
            for x, mean in zip(np.arange(2) + width / 2, means, strict=True):
                write(axes, x, mean, f"{number(mean)}\npromedio", ha="center", va="bottom", fontsize=11, color=QUIET)
        axes.set_ylim(0, max(1.0, 1.2 * max(*values, *means)))
        axes.set_xticks([0, 1], ["Asistencias", "Participaciones"], fontsize=13)
        name_axes(axes, f"En gris, el promedio de {of_class.label}" if of_class else "", "Veces")
        counts(axes.yaxis)
        grid(axes, "y")

    return chart(title, draw)


def ranking(places: Sequence[Place], of_class: ClassNumbers) -> bytes:
    """A student among those who are next in the ranking by participations, the first at the top."""
    own = next(place for place in places if place.asked)
    title = (
        f"{shortened(own.student.nombre)}: lugar {own.rank} de {len(of_class.students)} en {shortened(of_class.label)}"
    )

    def draw(axes: Axes) -> None:
        rows = np.arange(len(places))
        taken, there = (
            [getattr(place.student, name) for place in places] for name in ("participaciones", "asistencias")
        )
        strong = [1.0 if place.asked else 0.45 for place in places]
        first = axes.barh(rows - 0.2, taken, 0.38, color=ORANGE, hatch="//", edgecolor="white", label="Participaciones")
        second = axes.barh(rows + 0.2, there, 0.38, color=BLUE, edgecolor="white", label="Asistencias")
        for bars in (first, second):
            for bar, alpha in zip(bars, strong, strict=True):
                bar.set_alpha(alpha)
        for row, several in enumerate(zip(taken, there, strict=True)):
            for offset, value in zip((-0.2, 0.2), several, strict=True):
                write(axes, value, row + offset, f" {value}", ha="left", va="center", fontsize=11, color=INK)
        names = [f"{place.rank}. {shortened(place.student.nombre)}" for place in places]
        axes.set_yticks(rows, names, parse_math=False, fontsize=12)
        axes.get_yticklabels()[places.index(own)].set_fontweight("bold")
        axes.invert_yaxis()
        axes.set_xlim(0, max(1.0, 1.12 * max(*taken, *there)))
        name_axes(axes, "Veces; los lugares son por participaciones", "")
        counts(axes.xaxis)
        grid(axes, "x")
        axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, fontsize=11, borderaxespad=0.1)

    return chart(title, draw, height=max(3.8, 2.2 + 0.75 * len(places)), below_title=34)
