"""Plots of a report, made by matplotlib without a display. Import it only where a report is made: that is slow.

A drawing comes as PNG, for slides, and as SVG whose colours follow the reader's light or dark page. Colours are Okabe
and Ito's, told apart by colour-blind readers; line styles and hatching say the same where there is no colour.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter
from scipy.special import ndtri

from evaluation.error_curves import ErrorCurve, Rates, Trials

# Colours by meaning: in light, in dark. Each occurs nowhere else in a drawing, so that it can be replaced.
_INK, _QUIET, _MATED, _OTHERS, _THIRD = "#1d2733", "#6b7785", "#0072b2", "#d55e00", "#009e73"
_DARK = {_INK: "#e8edf3", _QUIET: "#93a1b0", _MATED: "#56b4e9", _OTHERS: "#f58a3c", _THIRD: "#35c9a0"}
_STYLE: Any = {
    "figure.figsize": (6.4, 4.4),
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "font.size": 11,
    "axes.edgecolor": _QUIET,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.color": _QUIET,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "legend.frameon": False,
    "lines.linewidth": 2,
    "hatch.linewidth": 0.6,
    "svg.fonttype": "none",
    "svg.hashsalt": "presente",
}
_LEFT, _RIGHT, _BOTTOM, _TOP = 0.15, 0.955, 0.13, 0.975
_TITLE = 0.055
"""Height of a title, as a share of the figure's."""
_DEVIATES = (0.5, 0.1, 0.01, 0.001, 0.0001, 0.00001, 0.2, 0.05, 0.02, 0.005, 0.002, 0.8, 0.95)
"""Rates at which an axis of normal deviates may have ticks, in order of preference."""
_BINS = 40
_UNRESOLVED: dict[str, Any] = {"facecolor": "none", "edgecolor": _QUIET, "hatch": "....", "alpha": 0.6, "lw": 0}
"""The look of a region that holds less than one case."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """One plot: SVG text and PNG bytes, 1280 pixels wide."""

    svg: str
    png: bytes


@dataclass(frozen=True, slots=True)
class Dot:
    """A share with its interval, drawn on its own line."""

    label: str
    share: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class TimeLine:
    """One line of a drawing of time: spans in seconds, of someone or of something."""

    label: str
    true: Sequence[tuple[float, float]]
    found: Sequence[tuple[float, float]]
    true_raises: Sequence[tuple[float, float]]
    found_raises: Sequence[tuple[float, float]]


def roc(curve: ErrorCurve, positive: str, found: str, points: Sequence[tuple[float, float]]) -> Drawing:
    """True positives over false positives on a log axis, which ends where the data end.

    Args:
        curve: the rates.
        positive: name of the rate of false positives.
        found: name of the rate of true positives.
        points: operating points, (false positive, true positive), marked.
    """
    with mpl.rc_context(_STYLE):
        axes = _axes()
        shown = curve.shown
        x, y = curve.false_positive[shown], 1 - curve.false_negative[shown]
        axes.fill_between(x, 1 - curve.high[shown], 1 - curve.low[shown], color=_MATED, alpha=0.22, lw=0)
        axes.plot(x, y, color=_MATED)
        _mark(axes, np.reshape(points, (-1, 2)))
        left = 10 ** np.floor(np.log10(curve.resolution) - 1e-9)
        axes.set(xscale="log", xlim=(left, 1), ylim=_near_one(1 - curve.high[shown]))
        axes.set(xlabel=f"{positive}, log scale", ylabel=found)
        axes.axvspan(left, curve.resolution, **_UNRESOLVED)
        _percent(axes.xaxis)
        _percent(axes.yaxis)
        return _drawn(axes, f"{found} at each {positive}")


def det(curve: ErrorCurve, positive: str, negative: str, points: Sequence[tuple[float, float]]) -> Drawing:
    """False negatives over false positives on axes of normal deviates (Martin et al., The DET curve, 1997).

    Arguments are as for :func:`roc`; points are (false positive, false negative).
    """
    with mpl.rc_context(_STYLE):
        axes = _axes()
        lowest = [10 ** np.floor(np.log10(1 / n) - 1e-9) for n in curve.trials]
        shown = curve.shown
        highest = (0.5, float(np.clip(1.5 * curve.high[shown].max(initial=0), 0.2, 0.95)))
        edges = [(ndtri(low), ndtri(high)) for low, high in zip(lowest, highest, strict=True)]
        x = ndtri(np.clip(curve.false_positive[shown], lowest[0], 0.999))
        y, low, high = (
            ndtri(np.clip(rates[shown], lowest[1], 0.999)) for rates in (curve.false_negative, curve.low, curve.high)
        )
        axes.fill_between(x, low, high, color=_MATED, alpha=0.22, lw=0)
        axes.plot(x, y, color=_MATED)
        marks = ndtri(np.clip(np.reshape(points, (-1, 2)), [lowest], 0.999))
        _mark(axes, marks)
        one = [min(ndtri(1 / n), most) for n, (_, most) in zip(curve.trials, edges, strict=True)]
        axes.axvspan(edges[0][0], one[0], **_UNRESOLVED)
        axes.axhspan(edges[1][0], one[1], **_UNRESOLVED)
        axes.set(xlim=edges[0], ylim=edges[1])
        axes.set(xlabel=f"{positive}, normal deviates", ylabel=f"{negative}, normal deviates")
        for axis, least, most in zip((axes.xaxis, axes.yaxis), lowest, highest, strict=True):
            ticks = _ticks(0.99 * least, most)
            axis.set_ticks([NormalDist().inv_cdf(rate) for rate in ticks], [_share(rate) for rate in ticks])
        return _drawn(axes, f"{negative} against {positive}")


def cmc(rates: Rates, low: Rates, high: Rates) -> Drawing:
    """Identification rate by rank, with its interval as a band; each float64 (k,)."""
    with mpl.rc_context(_STYLE):
        axes = _axes()
        ranks = np.arange(1, len(rates) + 1)
        axes.fill_between(ranks, low, high, color=_MATED, alpha=0.22, lw=0)
        axes.plot(ranks, rates, "o-", color=_MATED, ms=5, clip_on=False)
        axes.set(xlabel="Rank", ylabel="Identification rate", xlim=(0.8, len(rates) + 0.2))
        axes.set_ylim(_near_one(low))
        axes.set_xticks(ranks if len(ranks) <= 20 else ranks[:: len(ranks) // 10])
        _percent(axes.yaxis)
        return _drawn(axes, "Cumulative match characteristic")


def histogram(
    trials: Trials, mated: str, others: str, thresholds: Sequence[tuple[str, float]], label: str = "Score (cosine)"
) -> Drawing:
    """Scores of both kinds, each as shares of its kind; thresholds as vertical lines.

    Trials without a score are left out, and so are thresholds that no cosine reaches or that all reach.
    """
    thresholds = [(name, threshold) for name, threshold in thresholds if abs(threshold) <= 1]
    with mpl.rc_context(_STYLE):
        axes = _axes()
        kinds = [scores[np.isfinite(scores)] for scores in (trials.mated, trials.non_mated)]
        both = np.concatenate([*kinds, [threshold for _, threshold in thresholds]])
        edges = np.linspace(both.min(initial=0.0), both.max(initial=1.0), _BINS + 1)
        for scores, of, kind, colour, hatch in zip(
            kinds, (trials.mated, trials.non_mated), (mated, others), (_MATED, _OTHERS), ("", "////"), strict=True
        ):
            heights = np.histogram(scores, edges)[0] / max(1, len(of))
            axes.stairs(heights, edges, fill=True, alpha=0.3, color=colour, lw=0)
            axes.stairs(heights, edges, fill=True, alpha=0.5, facecolor="none", edgecolor=colour, hatch=hatch, lw=0)
            axes.stairs(heights, edges, color=colour, label=kind, lw=1.6, ls="--" if hatch else "-")
        for place, (name, threshold) in enumerate(thresholds):
            style = ("-", "--", ":", "-.")[place % 4]
            axes.axvline(threshold, color=_INK, lw=1.4, ls=style, label=f"{name}: {threshold:.3f}")
        axes.set(xlabel=label, ylabel="Share of its kind", xlim=(edges[0], edges[-1]))
        _percent(axes.yaxis)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=9, borderaxespad=0.3)
        _figure(axes).subplots_adjust(top=_TOP - 0.045 * ((3 + len(thresholds)) // 2))
        return _drawn(axes, "Scores")


def dots(kinds: Sequence[tuple[str, Sequence[Dot]]], label: str, title: str) -> Drawing:
    """Shares of two or three kinds with intervals, one line per label, in the order of the first kind."""
    names = list(dict.fromkeys(dot.label for _, several in kinds for dot in several))
    with mpl.rc_context(_STYLE):
        axes = _axes(height=1.6 + 0.42 * len(names))
        for place, (kind, several) in enumerate(kinds):
            where = np.array([names.index(dot.label) for dot in several]) + 0.22 * (place - (len(kinds) - 1) / 2)
            shares = np.array([dot.share for dot in several])
            bounds = np.array([dot.interval for dot in several]).reshape(-1, 2).T
            colour, marker = (_MATED, _OTHERS, _THIRD)[place], "osD"[place]
            axes.hlines(where, *bounds, color=colour, lw=2, alpha=0.6)
            axes.plot(shares, where, marker, color=colour, ms=6, label=kind, clip_on=False, zorder=5)
        axes.set_yticks(range(len(names)), [name[:40] for name in names], parse_math=False)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_xlabel(label)
        axes.grid(axis="y", visible=False)
        _percent(axes.xaxis)
        figure, inch = _figure(axes), 1 / _figure(axes).get_figheight()
        figure.subplots_adjust(
            left=min(0.5, 0.06 + 0.0135 * max(map(len, names), default=0)), bottom=0.62 * inch, top=1 - 0.35 * inch
        )
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(kinds), fontsize=9, borderaxespad=0.2)
        return _drawn(axes, title)


def levels(lines: Sequence[tuple[str, Sequence[Dot]]], label: str, title: str) -> Drawing:
    """Shares of at most three kinds over levels, one line per kind; the levels are in the order of the first kind."""
    names = list(dict.fromkeys(dot.label for _, several in lines for dot in several))
    with mpl.rc_context(_STYLE):
        axes = _axes()
        for place, (kind, several) in enumerate(lines):
            where = np.array([names.index(dot.label) for dot in several]) + 0.08 * (place - (len(lines) - 1) / 2)
            bounds = np.array([dot.interval for dot in several]).reshape(-1, 2).T
            colour, marker, style = (_MATED, _OTHERS, _THIRD)[place], "osD"[place], ("-", "--", ":")[place]
            axes.vlines(where, *bounds, color=colour, lw=2, alpha=0.45)
            shares = [dot.share for dot in several]
            axes.plot(where, shares, marker, ls=style, color=colour, ms=5, label=kind, clip_on=False, zorder=5)
        axes.set_xticks(range(len(names)), [name[:16] for name in names], parse_math=False, fontsize=9)
        axes.set(xlabel=label, ylabel="Share", xlim=(-0.4, len(names) - 0.6), ylim=(0, 1.01))
        if sum(map(len, names)) > 60:
            axes.tick_params(axis="x", rotation=30)
        _percent(axes.yaxis)
        _figure(axes).subplots_adjust(top=_TOP - 0.045)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(lines), fontsize=9, borderaxespad=0.2)
        return _drawn(axes, title)


def timeline(lines: Sequence[TimeLine], marks: Sequence[tuple[str, float]], length_s: float, title: str) -> Drawing:
    """Spans of time, a line per label from above: what is true as wide bands, what was found as narrow ones over them.

    Args:
        lines: what is drawn on each line.
        marks: moments, as vertical lines with a name.
        length_s: seconds; an axis of more than two minutes counts minutes.
        title: of the drawing.
    """
    unit, per = ("minutes", 60.0) if length_s > 120 else ("seconds", 1.0)
    with mpl.rc_context(_STYLE):
        axes = _axes(height=1.6 + 0.36 * len(lines))
        for place, line in enumerate(lines):
            for spans, colour, middle, wide, alpha in (
                (line.true, _QUIET, 0.0, 0.7, 0.35),
                (line.found, _MATED, -0.16, 0.22, 0.9),
                (line.true_raises, _THIRD, 0.17, 0.3, 0.45),
                (line.found_raises, _OTHERS, 0.17, 0.14, 1.0),
            ):
                bars = [(start / per, max(end - start, length_s / 250) / per) for start, end in spans]
                axes.broken_barh(bars, (place + middle - wide / 2, wide), facecolors=colour, alpha=alpha, lw=0)
        for place, (label, at_s) in enumerate(marks):
            axes.axvline(at_s / per, color=_INK, lw=1.2, ls=("--", ":")[place % 2], label=label)
        for label, colour, alpha in (
            ("in the picture", _QUIET, 0.35),
            ("recorded", _MATED, 0.9),
            ("hand up", _THIRD, 0.45),
            ("raise found", _OTHERS, 1.0),
        ):
            axes.broken_barh([], (0, 0), facecolors=colour, alpha=alpha, label=label)
        axes.set_yticks(range(len(lines)), [line.label[:40] for line in lines], parse_math=False)
        axes.set(xlim=(0, length_s / per), ylim=(len(lines) - 0.4, -0.6), xlabel=f"Time in the film, {unit}")
        axes.grid(axis="y", visible=False)
        figure, inch = _figure(axes), 1 / _figure(axes).get_figheight()
        widest = max((len(line.label) for line in lines), default=0)
        figure.subplots_adjust(left=min(0.5, 0.06 + 0.0135 * widest), bottom=0.62 * inch, top=1 - 0.55 * inch)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize=9, borderaxespad=0.2)
        return _drawn(axes, title)


def _axes(height: float = 4.4) -> Axes:
    figure = Figure(figsize=(6.4, height))
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    figure.subplots_adjust(_LEFT, _BOTTOM, _RIGHT, _TOP)
    return axes


def _mark(axes: Axes, points: Rates) -> None:
    """Operating points, float64 (k, 2)."""
    axes.plot(*points.T, "o", color=_OTHERS, ms=7, clip_on=False, zorder=5)


def _near_one(shares: Rates) -> tuple[float, float]:
    """Limits of an axis that shows all of some shares near 1: from 1 less 1, 2 or 5 times a power of ten."""
    room = max(1.2 * (1 - float(shares.min(initial=1.0))), 0.001)
    power = 10 ** np.floor(np.log10(room))
    depth = min(1.0, next(power * step for step in (1, 2, 5, 10) if power * step >= room))
    return 1 - depth, 1 + 0.01 * depth


def _ticks(least: float, most: float) -> list[float]:
    """Rates between two bounds, far enough apart on an axis of normal deviates to be read."""
    chosen: list[float] = []
    apart = 0.09 * (ndtri(most) - ndtri(least))
    for rate in _DEVIATES:
        if least <= rate <= most and all(abs(ndtri(rate) - ndtri(other)) >= apart for other in chosen):
            chosen.append(rate)
    return sorted(chosen)


def _figure(axes: Axes) -> Figure:
    return axes.figure  # type: ignore[return-value]  # never a figure within a figure


def _share(rate: float) -> str:
    return f"{100 * rate:.10g} %"


def _percent(axis: Any) -> None:
    if axis.get_scale() == "linear":
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _share(round(value, 10))))
    axis.set_minor_formatter(NullFormatter())


def _drawn(axes: Axes, title: str) -> Drawing:
    """The drawing as SVG without the title, which the page shows, and as PNG with the title, on white."""
    figure = _figure(axes)
    vector, raster = io.StringIO(), io.BytesIO()
    figure.savefig(vector, format="svg", metadata={"Date": None, "Creator": None})
    figure.subplots_adjust(top=figure.subplotpars.top - _TITLE)
    figure.suptitle(title, x=0.02, y=0.99, ha="left", fontsize=12)
    figure.savefig(raster, format="png", dpi=200, facecolor="white")
    return Drawing(_themed(vector.getvalue()), raster.getvalue())


def _themed(svg: str) -> str:
    """An SVG whose colours are variables, with other values on a dark page."""
    light = "".join(f"--c{colour[1:]}:{colour};" for colour in _DARK)
    dark = "".join(f"--c{colour[1:]}:{other};" for colour, other in _DARK.items())
    svg = re.sub("|".join(_DARK), lambda found: f"var(--c{found[0][1:]})", svg)
    style = f"<style>svg{{{light}}}@media (prefers-color-scheme:dark){{svg{{{dark}}}}}</style>"
    start = svg.index(">", svg.index("<svg")) + 1
    return svg[svg.index("<svg") : start] + style + svg[start:]
