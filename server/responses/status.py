"""Replies about the server itself: that it lives, that it is ready, its gallery at a glance."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from gallery.status import GalleryStatus
from gallery.threshold.operating_point import OperatingPoint
from presente import __version__
from presente.clock import Clock
from presente.errors import ConfigError
from presente.face_json import JsonObject
from presente.liveness import LivenessPolicy
from server.readiness import READY, Readiness


class LiveReply(JsonObject, frozen=True, kw_only=True):
    """The process answers."""

    status: Literal["alive"] = "alive"


Changes = Annotated[int, Meta(description="Change numbers of the documents that the index has not seen.")]
Seconds = Annotated[float, Meta(description="Since the index last had seen all of them; 0 when it has now.")]


class ReadyReply(JsonObject, frozen=True, kw_only=True):
    """Queries are answered."""

    status: Literal["ready"] = "ready"
    behind_changes: Changes
    behind_seconds: Seconds


class NotReadyReply(JsonObject, frozen=True, kw_only=True):
    """What keeps queries from being answered. How far the index is behind is left out while it is not known."""

    status: Literal["loading", "unavailable"]
    code: Annotated[str | UnsetType, Meta(description="Of the error that queries meet.")] = UNSET
    behind_changes: Changes | UnsetType = UNSET
    behind_seconds: Seconds | UnsetType = UNSET
    missing_shards: Annotated[
        list[int] | UnsetType, Meta(description="Shards of the index that are not there; left out when all are.")
    ] = UNSET


class CalibrationJson(JsonObject, frozen=True, kw_only=True):
    """What the calibration says of itself."""

    people: Annotated[int, Meta(description="How many people it was measured with.")]
    searches: Annotated[int, Meta(description="How many searches of strangers it was measured on.")]
    made_at: str
    fpir: Annotated[float | None, Meta(description="Share of strangers who score as high as the threshold.")]
    warning: Annotated[str, Meta(description="What a person should know; empty when all is well.")]


class MeasuredIndexJson(JsonObject, frozen=True, kw_only=True):
    """An index that was built and measured."""

    kind: str
    parameters: dict[str, int]
    recall: Annotated[float, Meta(description="At 10.")]
    seconds: Annotated[float, Meta(description="How long building and measuring took.")]
    search_ms: Annotated[float | None, Meta(description="Of one core, per probe; null where it was not compared.")]
    exact_ms: Annotated[float | None, Meta(description="The same by exact search.")]


class GateReportJson(JsonObject, frozen=True, kw_only=True):
    """Why the index is of its kind; see :class:`gallery.index.recall_gate.GateReport`."""

    asked: str
    reason: str
    floor: float
    recall: float
    probes: int
    tried: list[MeasuredIndexJson]


class ShardJson(JsonObject, frozen=True, kw_only=True):
    """One shard of the index; while it is not ready, as it was last."""

    shard: Annotated[int, Meta(description="Its number, from 0.")]
    ready: Annotated[bool, Meta(description="Whether it is there.")]
    templates: int
    subjects: int
    generation: Annotated[int, Meta(description="Its published generation; 0 before the first.")]
    unpublished: int
    unerased: int
    behind: Annotated[int, Meta(description="Change numbers that the server asked for and the shard has not seen.")]


LivenessModeJson = Annotated[
    Literal["off", "observe", "enforce"],
    Meta(description="Not asked; asked and told; asked, and only live faces pass."),
]


class LivenessStatusJson(JsonObject, frozen=True, kw_only=True):
    """Where it is asked whether faces are live, and by what."""

    identify: LivenessModeJson
    verify: LivenessModeJson
    attendance: LivenessModeJson
    pack: Annotated[str, Meta(description="Tag of the liveness pack.")]
    threshold: Annotated[
        float | None,
        Meta(description="The score from which a face counts as live; null: the asked rate is not calibrated."),
    ]
    threshold_source: Annotated[str, Meta(description="Where the threshold comes from, or why there is none.")]


class StatusReply(JsonObject, frozen=True, kw_only=True):
    """The gallery at a glance."""

    version: Annotated[str, Meta(description="Of Presente.")]
    subjects: Annotated[int, Meta(description="Students and cohort.")]
    students: int
    cohort: Annotated[int, Meta(description="People who are no one's students.")]
    images: int
    templates: int
    indexed: Annotated[int, Meta(description="Templates that searches find.")]
    pack: Annotated[str, Meta(description="The model pack's name.")]
    pack_tag: Annotated[str, Meta(description="The pack's name and the digest of its models.")]
    dim: Annotated[int, Meta(description="Length of a template.")]
    index_kind: str
    index_parameters: dict[str, int]
    index_gate: Annotated[GateReportJson | None, Meta(description="Null until the gate has seen the index.")]
    generation: Annotated[int, Meta(description="The published generation; 0 before the first.")]
    unpublished: int
    unerased: int
    index_files: Annotated[
        Literal["clear", "sealed", "sealed_unlocked"] | None,
        Meta(
            description="How the vectors on disk are kept: in the clear, sealed, or sealed and opened into memory that "
            "the system does not keep out of the swap. Null before the first generation."
        ),
    ]
    change: Annotated[int, Meta(description="The last change of the documents that the index has seen.")]
    shards: Annotated[list[ShardJson], Meta(description="Of the index; empty when the server holds it itself.")]
    threshold: Annotated[float, Meta(description="The score that makes a face known when all students are searched.")]
    threshold_source: Annotated[str, Meta(description="Where the threshold comes from.")]
    calibration: Annotated[CalibrationJson | None, Meta(description="Null: the gallery is not calibrated.")]
    unused_calibration: Annotated[
        str, Meta(description="Why a stored calibration does not hold, and what to do; empty when none is passed over.")
    ]
    liveness: Annotated[LivenessStatusJson | None, Meta(description="Null where it is off for every use.")]
    keeps_unknown: Annotated[bool, Meta(description="Whether faces of people who are not enrolled are kept.")]
    margin: float
    consent_required: Annotated[bool, Meta(description="Whether a student without consent on record is refused.")]
    consent_text: Annotated[
        str, Meta(description="What the school asks people to agree to; empty when it has no text of its own.")
    ]
    timezone: str
    today: str


def ready_reply(found: Readiness) -> ReadyReply | NotReadyReply:
    """Whether queries are answered."""
    lag = found.lag
    if found == READY and lag is not None:
        return ReadyReply(behind_changes=lag.changes, behind_seconds=round(lag.seconds, 3))
    return NotReadyReply(
        status=found.status,  # type: ignore[arg-type]
        code=found.code or UNSET,
        behind_changes=UNSET if lag is None else lag.changes,
        behind_seconds=UNSET if lag is None else round(lag.seconds, 3),
        missing_shards=list(found.missing_shards) or UNSET,
    )


def status_reply(status: GalleryStatus, clock: Clock, liveness: LivenessPolicy, keeps_unknown: bool) -> StatusReply:
    """The gallery at a glance, how liveness is judged, whether unknown people are kept, and the school's date."""
    counts, index = status.counts, status.index_described()
    return StatusReply(
        version=__version__,
        subjects=counts.students + counts.cohort,
        students=counts.students,
        cohort=counts.cohort,
        images=counts.images,
        templates=counts.templates,
        indexed=status.indexed,
        pack=status.pack.split("@")[0],
        pack_tag=status.pack,
        dim=status.dim,
        **index
        | {
            "index_gate": _gate_json(index["index_gate"]),
            "shards": [ShardJson(**shard) for shard in index["shards"]],
        },
        threshold=status.operating_point.threshold,
        threshold_source=status.operating_point.source,
        calibration=_calibration_json(status.operating_point),
        unused_calibration=status.operating_point.unused,
        liveness=_liveness_json(liveness),
        keeps_unknown=keeps_unknown,
        margin=status.settings.margin,
        consent_required=status.settings.consent_required,
        consent_text=status.settings.consent_text,
        timezone=clock.described(),
        today=clock.today(),
    )


def _liveness_json(policy: LivenessPolicy) -> LivenessStatusJson | None:
    if not policy.modes.is_on:
        return None
    try:
        point = policy.point()
        threshold, source = point.threshold, point.source
    except ConfigError as error:
        threshold, source = None, error.what
    return LivenessStatusJson(
        identify=policy.mode("identify"),
        verify=policy.mode("verify"),
        attendance=policy.mode("attendance"),
        pack=policy.tag,
        threshold=threshold,
        threshold_source=source,
    )


def _gate_json(described: dict[str, Any] | None) -> GateReportJson | None:
    if described is None:
        return None
    tried = [MeasuredIndexJson(**measured) for measured in described["tried"]]
    return GateReportJson(**described | {"tried": tried})


def _calibration_json(operating_point: OperatingPoint) -> CalibrationJson | None:
    curve = operating_point.curve
    if curve is None:
        return None
    return CalibrationJson(
        people=curve.people,
        searches=curve.searches,
        made_at=curve.made_at,
        fpir=operating_point.fpir(operating_point.threshold),
        warning=operating_point.warning(),
    )
