"""Two plots of ``benchmarks.search``: recall against time, and time against size."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def plot(runs: list[dict[str, Any]], folder: Path) -> None:
    """Write ``search-recall.png``, of the largest size, and ``search-size.png``."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    kinds = {name: f"C{i % 10}" for i, name in enumerate(dict.fromkeys(name for run in runs for name in run["kinds"]))}
    marks = {"spread": "o", "crowded": "s"}
    largest = max(run["n"] for run in runs)
    figure, axes = pyplot.subplots(figsize=(8, 5))
    for run in (run for run in runs if run["n"] == largest):
        for name, figures in run["kinds"].items():
            axes.scatter(figures["p50_ms"], figures["recall_at_10"], color=kinds[name], marker=marks[run["data"]])
            axes.annotate(name, (figures["p50_ms"], figures["recall_at_10"]), fontsize=7)
    axes.set(
        xscale="log",
        xlabel="p50 of one probe, ms",
        ylabel="recall@10",
        title=f"{largest} templates; o spread, □ crowded",
    )
    figure.savefig(folder / "search-recall.png", dpi=110, bbox_inches="tight")
    figure, axes = pyplot.subplots(figsize=(8, 5))
    for name, colour in kinds.items():
        for data, style in (("spread", "-"), ("crowded", "--")):
            points = [
                (run["n"], run["kinds"][name]["p50_ms"]) for run in runs if run["data"] == data and name in run["kinds"]
            ]
            if points:
                label = name if style == "-" else None
                axes.plot(*zip(*sorted(points), strict=True), style, marker=marks[data], color=colour, label=label)
    axes.set(
        xscale="log", yscale="log", xlabel="templates", ylabel="p50 of one probe, ms", title="- spread, -- crowded"
    )
    axes.legend(fontsize=7)
    figure.savefig(folder / "search-size.png", dpi=110, bbox_inches="tight")
