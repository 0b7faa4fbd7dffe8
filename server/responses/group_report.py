"""The reply about recognition by group."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from gallery.threshold.group_report import AttributeGroups, GroupLine, GroupRate, GroupReport
from presente.face_json import JsonObject

Advice = Literal["missed_more", "add_photos", "named_more", "too_little", "no_difference"]


class GroupRateJson(JsonObject, frozen=True, kw_only=True):
    """A share of searches, with its 95 % interval."""

    share: float
    events: int
    trials: int
    low: float
    high: float
    p: Annotated[
        float | None,
        Meta(description="Of so large a difference to the others by chance, corrected; null without others."),
    ]


class GroupLineJson(JsonObject, frozen=True, kw_only=True):
    """A group of students."""

    value: str
    people: int
    photos: Annotated[float, Meta(description="Photos per person.")]
    missed: Annotated[
        GroupRateJson | None, Meta(description="Not recognised (FNIR); null where too few people have two photos.")
    ]
    named: Annotated[GroupRateJson, Meta(description="Taken for other people (FPIR).")]
    advice: list[Advice]


class AttributeGroupsJson(JsonObject, frozen=True, kw_only=True):
    """The groups of an attribute."""

    attribute: str
    groups: list[GroupLineJson]
    too_small: Annotated[int, Meta(description="Groups that are too small to be shown.")]


class GroupReportJson(JsonObject, frozen=True, kw_only=True):
    """Recognition by group, as it was when the report was made."""

    made_at: str
    pack: str
    threshold: float
    people: int
    least_people: int
    attributes: list[AttributeGroupsJson]


class GroupReportReply(JsonObject, frozen=True, kw_only=True):
    """The last report; null when none was made."""

    report: GroupReportJson | None


def group_report_reply(report: GroupReport | None) -> GroupReportReply:
    """Render a report."""
    if report is None:
        return GroupReportReply(report=None)
    return GroupReportReply(
        report=GroupReportJson(
            made_at=report.made_at,
            pack=report.pack,
            threshold=report.threshold,
            people=report.people,
            least_people=report.least_people,
            attributes=[_attribute(each) for each in report.attributes],
        )
    )


def _attribute(found: AttributeGroups) -> AttributeGroupsJson:
    return AttributeGroupsJson(
        attribute=found.attribute, groups=[_line(each) for each in found.groups], too_small=found.too_small
    )


def _line(line: GroupLine) -> GroupLineJson:
    return GroupLineJson(
        value=line.value,
        people=line.people,
        photos=line.photos,
        missed=None if line.missed is None else _rate(line.missed),
        named=_rate(line.named),
        advice=list(line.advice),
    )


def _rate(rate: GroupRate) -> GroupRateJson:
    return GroupRateJson(
        share=rate.share, events=rate.events, trials=rate.trials, low=rate.low, high=rate.high, p=rate.p
    )
