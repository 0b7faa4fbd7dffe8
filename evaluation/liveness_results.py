"""Results of a liveness check: metrics as JSON has them, and as lines for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from evaluation import liveness_rates
from evaluation.group_rates import PersonSearches, attribute_groups, corrected
from evaluation.intervals import shown
from evaluation.liveness_rates import LivenessRate, RatesAtThreshold
from evaluation.liveness_scores import JudgedPresentation
from evaluation.results import written_lines
from gallery.threshold.group_report import GroupRate


def liveness_result(
    judged: Sequence[JudgedPresentation], bpcers: Sequence[float], deployed: dict[str, Any], group: str | None = None
) -> dict[str, Any]:
    """The metrics of judged photos.

    Args:
        judged: the photos.
        bpcers: rates at which APCER is given.
        deployed: has the threshold that is in force; the rates there are added to it.
        group: the column by whose values the rates in force are given, too.
    """
    live = [one for one in judged if not one.is_attack]
    kinds = liveness_rates.kinds_of(judged)
    rates = liveness_rates.rates_at(judged, deployed["threshold"])
    points = [liveness_rates.at_bpcer(judged, asked) for asked in bpcers if any(one.is_judged for one in live)]
    return {
        "bona_fide": len(live),
        "attacks": len(judged) - len(live),
        "people": len({one.person for one in judged}),
        "bpnrr": _share(liveness_rates.no_response_of_live(judged)),
        "reasons": liveness_rates.reasons(judged),
        "kinds": [
            {
                "kind": kind.kind,
                "presentations": kind.presentations,
                "apnrr": _share(kind.no_response),
                "eer": None if kind.eer is None else round(kind.eer, 6),
                "eer_interval": shown(kind.eer_interval),
            }
            for kind in kinds
        ],
        "eer": max((round(kind.eer, 6) for kind in kinds if kind.eer is not None), default=None),
        "deployed": deployed | _at(rates),
        "at_bpcer": [{"bpcer_asked": one.asked, "resolved": one.resolved, **_at(one.at)} for one in points],
        **({} if group is None else {"groups": groups(judged, group, deployed["threshold"])}),
    }


def groups(judged: Sequence[JudgedPresentation], column: str, threshold: float) -> list[dict[str, Any]]:
    """BPCER and APCER of each group at a threshold, and how likely chance shows such a difference to the other groups.

    The method is that of :mod:`evaluation.group_rates`: people are permuted, and p is corrected for the number of
    comparisons. Photos of no group, and those that got no score, take no part.
    """
    some = [one for one in judged if one.group and one.is_judged]
    units = sorted({(one.person, one.group) for one in some})
    counts = [
        Counter((one.person, one.group) for one in some if one.is_attack == attack and (not wrong or wrong(one)))
        for attack, wrong in (
            (False, None),
            (False, lambda one: not one.passes(threshold)),
            (True, None),
            (True, lambda one: one.passes(threshold)),
        )
    ]
    if not units:
        return []
    people = PersonSearches(*(np.array([count[unit] for unit in units], dtype=np.int64) for count in counts))
    found = corrected([attribute_groups(column, [group for _, group in units], people, 1)])[0]
    return [
        {
            "group": line.value,
            "people": line.people,
            "bpcer": _group_share(line.missed),
            "apcer": _group_share(line.named),
        }
        for line in found.groups
    ]


def _group_share(rate: GroupRate | None) -> dict[str, Any] | None:
    """None where a group has no such photo."""
    if rate is None or not rate.trials:
        return None
    interval = [rate.low, rate.high]
    return {"share": round(rate.share, 6), "events": rate.events, "of": rate.trials, "interval": interval, "p": rate.p}


def _share(rate: LivenessRate) -> dict[str, Any]:
    share = None if rate.share is None else round(rate.share, 6)
    return {"share": share, "events": rate.events, "of": rate.trials, "interval": shown(rate.interval)}


def _at(rates: RatesAtThreshold) -> dict[str, Any]:
    worst = rates.worst
    return {
        "threshold": rates.threshold,
        "bpcer": _share(rates.bpcer),
        "held_up": _share(rates.held_up),
        "apcer": [{"kind": kind, **_share(rate)} for kind, rate in rates.apcer],
        "worst": None if worst is None else worst[0],
        "acer": None if rates.acer is None else round(rates.acer, 6),
    }


def lines(result: dict[str, Any]) -> Iterator[str]:
    """The lines of a result."""
    yield (
        f"liveness pack {result['liveness_pack']}, face pack {result['pack']}: {result['bona_fide']} photos of live "
        f"people and {result['attacks']} of attacks, in {result['seconds']} s"
    )
    yield f"no response: {_of(result['bpnrr'])} of live people" + "".join(
        f"; {_of(kind['apnrr'])} {kind['kind']}" for kind in result["kinds"]
    )
    if result["reasons"]:
        yield "  " + ", ".join(f"{code}: {count}" for code, count in result["reasons"].items())
    yield from _at_lines(f"at the threshold in force, {result['deployed']['described']}", result["deployed"])
    for point in result["at_bpcer"]:
        doubt = "" if point["resolved"] else "   (too few live people to show this rate)"
        yield from _at_lines(f"BPCER {point['bpcer_asked']:g} asked, threshold {point['threshold']:.4f}{doubt}", point)
    for kind in result["kinds"]:
        if kind["eer"] is not None:
            low, high = kind["eer_interval"]
            yield f"EER {kind['kind']}: {kind['eer']:.4f} (95 %: {low:.4f} to {high:.4f})"
    for group in result.get("groups", ()):
        yield f"group {group['group']}, {group['people']} people:"
        yield f"  BPCER {_of(group['bpcer'])}"
        yield f"  APCER {_of(group['apcer'])}"
    yield from written_lines(result)


def _at_lines(what: str, rates: dict[str, Any]) -> Iterator[str]:
    yield f"{what}: BPCER {_of(rates['bpcer'])}; held up {_of(rates['held_up'])}"
    for each in rates["apcer"]:
        yield f"  APCER {each['kind']}: {_of(each)}"
    if rates["acer"] is not None:
        yield f"  ACER {rates['acer']:.4f}, by the worst kind, {rates['worst']}"


def _of(rate: dict[str, Any] | None) -> str:
    if rate is None or rate["share"] is None:
        return "not measured"
    low, high = rate["interval"]
    chance = f"; p = {rate['p']:.2g}" if rate.get("p") is not None else ""
    return f"{rate['share']:.4f} ({rate['events']} of {rate['of']}; {low:.4f} to {high:.4f}{chance})"
