"""``search``: does the gallery's own index find what exact search finds, on its own templates?"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Any

from evaluation import index_recall
from evaluation.experiment import add_out, write_result
from gallery.index.recall_gate import ground_truth
from gallery.index.searcher import Searcher
from presente import cli, composition
from presente.errors import InvalidInput
from presente.installation import command_line
from presente.settings import Settings


def add(commands: Any) -> None:
    """The command and its flags."""
    parser = cli.subcommand(
        commands,
        "search",
        run,
        "Measure the recall of the gallery's published index against exact search, on its own templates.",
        "evaluation search --probes 2000",
    )
    parser.add_argument("--probes", type=int, default=1000, metavar="N", help="most searches that are made")
    parser.add_argument("--seed", type=int, default=1, help="seed of the choice of templates to search with")
    add_out(parser, "search")


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Search the index and exactly, then compute everything from the table."""
    if arguments.probes < 1:
        raise InvalidInput("invalid_number", f"--probes is {arguments.probes}.", "Give a whole number from 1.")
    started = time.perf_counter()
    table = arguments.out / "search.tsv"
    gallery = composition.open_for_upkeep(settings)
    try:
        status = gallery.status()
        with gallery.index.reading() as live:
            if not isinstance(live, Searcher):
                raise InvalidInput(
                    "sharded_index",
                    f"The index lies in {settings.shards} shards, each with a recall gate of its own.",
                    "`presente status` has the least recall of any; or set PRESENTE_SHARDS to 0 for this command.",
                )
            published = live.published
            if len(published.vectors) < 2:
                raise InvalidInput(
                    "nothing_published",
                    f"{settings.index} holds no generation with two templates.",
                    f"Enrol people, or publish with `{command_line('indexer compact')}`.",
                )
            truth = ground_truth(published.vectors, published.subjects, arguments.probes, arguments.seed)
            index_recall.write_searches(table, index_recall.compare(truth, published.index))
    finally:
        gallery.close()
    searches = index_recall.read_searches(table)
    result = {
        "pack": status.pack,
        "dim": status.dim,
        "templates": len(published.vectors),
        **status.index_described(),
        **{kind: index_recall.recall([one for one in searches if one.kind == kind]) for kind in index_recall.KINDS},
        "seed": arguments.seed,
        "scores": str(table),
    }
    output.result(write_result(result, arguments.out, started), lines(result))
    return cli.DONE


def lines(result: dict[str, Any]) -> Iterator[str]:
    """The lines of a result."""
    parameters = "".join(f", {name} {value}" for name, value in result["index_parameters"].items())
    yield (
        f"generation {result['generation']}: {result['index_kind']}{parameters}; {result['templates']} templates of "
        f"{result['dim']} dimensions, {result['unpublished']} more came since and are searched exactly"
    )
    for kind, name in (("left_out", "templates, left out of their own answer"), ("perturbed", "templates, moved")):
        found = result[kind]
        if found["searches"]:
            low, high = found["recall_at_1_interval"]
            yield (
                f"{found['searches']} {name}: recall@1 {found['recall_at_1']:.4f} (95 %: {low:.4f} to {high:.4f}), "
                f"recall@10 {found['recall_at_10']:.4f}"
            )
    yield f"scores in {result['scores']}"
