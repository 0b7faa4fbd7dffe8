"""Charts of the whole school: commitment per class, attendance against participation, students per class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection

from server.charts.drawing import (
    INK,
    MARKERS,
    OTHERS,
    PALETTE,
    QUIET,
    chart,
    counts,
    empty_chart,
    grid,
    name_axes,
    number,
    shortened,
    write,
)
from server.charts.numbers import ClassNumbers

_NO_STUDENTS = "Todavía no hay alumnos registrados."
_MOST_ROWS = 24
_MOST_SLICES = 8
_LIGHT = 0.55
"""Brightness of a cell from which on its text is dark."""


def heatmap(classes: Sequence[ClassNumbers]) -> bytes:
    """Attendances and participations per student, by class. Each column has a scale of its own."""
    title = "Nivel de compromiso por clase"
    rows = sorted(_largest(classes, _MOST_ROWS), key=lambda each: each.clase)
    if not rows:
        return empty_chart(title, _NO_STUDENTS)
    values = np.array([[each.asistencias, each.participaciones] for each in rows])
    shades = values / np.maximum(values.max(axis=0), 1e-9)
    if len(rows) < len(classes):
        title += f" (las {len(rows)} mayores de {len(classes)})"

    def draw(axes: Axes) -> None:
        axes.imshow(shades, cmap=colormaps["cividis"], vmin=0, vmax=1, aspect="auto")
        for (row, column), value in np.ndenumerate(values):
            red, green, blue, _ = colormaps["cividis"](shades[row, column])
            dark = 0.299 * red + 0.587 * green + 0.114 * blue > _LIGHT
            write(
                axes, column, row, number(value), ha="center", va="center", color=INK if dark else "white", fontsize=12
            )
        axes.set_xticks([0, 1], ["Asistencias por alumno", "Participaciones por alumno"], fontsize=12)
        axes.set_yticks(range(len(rows)), [shortened(each.label) for each in rows], parse_math=False)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_xticks([0.5], minor=True)
        axes.set_yticks(np.arange(0.5, len(rows) - 1), minor=True)
        axes.grid(which="minor", color="white", linewidth=3)
        axes.tick_params(which="minor", length=0)
        axes.set_xlabel("Más claro: mayor compromiso, dentro de cada columna", fontsize=11, color=QUIET)

    return chart(title, draw, height=max(3.6, 1.7 + 0.42 * len(rows)))


def bubbles(classes: Sequence[ClassNumbers]) -> bytes:
    """Participations against attendances: a bubble is as large as the number of students at its place."""
    title = "Participación y asistencia por alumno"
    if not any(each.students for each in classes):
        return empty_chart(title, _NO_STUDENTS)
    named = sorted(_largest(classes, len(PALETTE)), key=lambda each: each.clase)
    rest = [each for each in classes if each not in named]
    groups = [(shortened(each.label), [each]) for each in named] + ([("otras clases", rest)] if rest else [])

    def draw(axes: Axes) -> None:
        for place, (label, several) in reversed(list(enumerate(groups))):
            at = Counter((s.asistencias, s.participaciones) for each in several for s in each.students)
            if not at:
                continue
            x, y = np.array(list(at)).T
            axes.scatter(
                x, y, s=[70 + 60 * (many - 1) ** 0.8 for many in at.values()], alpha=0.7, edgecolor="white", lw=0.8,
                color=PALETTE[place] if place < len(named) else OTHERS, marker=MARKERS[place % len(MARKERS)],
                label=label, zorder=3,
            )  # fmt: skip
        name_axes(axes, "Asistencias", "Participaciones")
        grid(axes, "both")
        counts(axes.xaxis)
        counts(axes.yaxis)
        axes.margins(0.08)
        handles, labels = axes.get_legend_handles_labels()
        legend = axes.legend(
            handles[::-1], labels[::-1], title="Clase", frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0)
        )
        for handle in legend.legend_handles:
            if isinstance(handle, PathCollection):
                handle.set_sizes([60])
        for text in legend.get_texts():
            text.set_parse_math(False)

    return chart(title, draw)


def pie(classes: Sequence[ClassNumbers]) -> bytes:
    """How many students each class has; small classes are one slice together."""
    title = "Distribución de alumnos por clase"
    sizes = sorted(((len(each.students), each.label) for each in classes if each.students), reverse=True)
    if not sizes:
        return empty_chart(title, _NO_STUDENTS)
    shown = sizes if len(sizes) <= _MOST_SLICES else sizes[: _MOST_SLICES - 1]
    rest = sum(size for size, _ in sizes[len(shown) :])
    slices = [(size, shortened(label)) for size, label in shown]
    slices += [(rest, f"otras {len(sizes) - len(shown)} clases")] if rest else []
    total = sum(size for size, _ in slices)

    def draw(axes: Axes) -> None:
        colours = [*PALETTE, OTHERS][: len(slices)]
        wedges, _ = axes.pie(
            [size for size, _ in slices],
            colors=[*colours[:-1], OTHERS] if rest else colours,
            startangle=90,
            counterclock=False,
            wedgeprops={"width": 0.45, "edgecolor": "white", "linewidth": 2},
        )
        labels = [f"{label}: {size} ({100 * size / total:.0f} %)" for size, label in slices]
        legend = axes.legend(
            wedges, labels, title="Clase, en el sentido del reloj", frameon=False, fontsize=12, loc="center left",
            bbox_to_anchor=(1.0, 0.5),
        )  # fmt: skip
        for text in legend.get_texts():
            text.set_parse_math(False)
        write(axes, 0, 0, f"{total}\nalumnos", ha="center", va="center", fontsize=16, color=INK, fontweight="bold")
        axes.set_aspect("equal")

    return chart(title, draw)


def _largest(classes: Sequence[ClassNumbers], most: int) -> list[ClassNumbers]:
    """The classes with the most students, those without any left out."""
    return sorted((each for each in classes if each.students), key=lambda each: (-len(each.students), each.clase))[
        :most
    ]
