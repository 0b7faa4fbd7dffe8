"""``python -m benchmarks.search_plots FOLDER RUN.json ...``: what ``benchmarks.search --json`` printed, plotted."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from presente import cli


def plot(runs: list[dict[str, Any]], folder: Path) -> None:
    """Write ``search-recall.png``, of the size at which most is compared, and ``search-size.png``."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    for run in runs:  # where the gate took another kind, that one is shown
        run["kinds"] = {name: made for name, made in run["kinds"].items() if made.get("kind", name) == name}
    names = dict.fromkeys(name for run in runs for name in run["kinds"])
    kinds = {name: pyplot.get_cmap("tab20")(2 * i % 20 + i // 10) for i, name in enumerate(names)}
    marks = {"spread": "o", "crowded": "s"}
    largest = max(runs, key=lambda run: (len(run["kinds"]), run["n"]))["n"]  # where most is compared
    figure, axes = pyplot.subplots(figsize=(8, 5))
    for run in (run for run in runs if run["n"] == largest):
        for name, figures in run["kinds"].items():
            label = name if run["data"] == "spread" else None
            axes.plot(
                figures["p50_ms"],
                figures["recall_at_10"],
                marks[run["data"]],
                color=kinds[name],
                alpha=0.8,
                label=label,
            )
    axes.set(
        xscale="log",
        xlabel="p50 of one probe, ms",
        ylabel="recall@10",
        title=f"{largest:,} templates; ○ spread, □ crowded",
    )
    axes.legend(fontsize=7, loc="lower center", ncols=3)
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


def main() -> int:
    """Plot runs that were kept, those of several calls together."""
    arguments = cli.program(
        "python -m benchmarks.search_plots", __doc__ or "", "python -m benchmarks.search_plots docs run.json"
    )
    arguments.add_argument("folder", type=Path, help="where the plots go")
    arguments.add_argument("runs", type=Path, nargs="+", help="what `python -m benchmarks.search --json` printed")
    given = arguments.parse_args()
    kept = [json.loads(path.read_text(encoding="utf-8")) for path in given.runs]
    plot([run for one in kept for run in one.get("runs", [one])], given.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
