"""``/v1/audit``, ``/v1/calibration``, ``/v1/reports`` and ``/v1/settings``: what admins look after."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Blueprint

from gallery.documents.access_log import AccessAction
from gallery.documents.note_store import GROUP_REPORT
from gallery.threshold.group_report import read_report
from server.access.permissions import Permission, needs
from server.access_log.declaration import logged
from server.error_codes import GALLERY
from server.operations import audit as operations
from server.operations.calibration import calibration_state, set_rate
from server.requests.jobs import CalibrationFields, FindingListParameters
from server.responses.audit import AuditReply, audit_reply
from server.responses.calibration import CalibrationReply, calibration_reply
from server.responses.group_report import GroupReportReply, group_report_reply
from server.responses.settings import SettingsReply, settings_reply
from server.routes.common import service
from server.typed_routes import answers

bp = Blueprint("gallery_health", __name__, url_prefix="/v1")


def _in_findings(_: object, reply: AuditReply) -> Iterable[str]:
    return dict.fromkeys(person.matricula for finding in reply.findings for person in finding.people)


@bp.get("/audit")
@needs(Permission.ADMINISTER)
@answers(AuditReply, refuses=GALLERY | {"invalid_cursor"})
@logged(AccessAction.READ, about=_in_findings, detail=lambda _, reply: f"findings={len(reply.findings)}")
def audit(parameters: FindingListParameters) -> AuditReply:
    """What is left of the findings of the last audit."""
    return audit_reply(operations.audit_page(service(), parameters), parameters)


@bp.put("/audit/findings/<finding>/aside")
@needs(Permission.ADMINISTER)
@answers({204: None}, refuses=GALLERY | {"finding_not_found"})
@logged(AccessAction.FINDING_PUT_ASIDE)
def put_aside(finding: str) -> None:
    """Put a finding aside: a person has looked, and nothing is wrong. Later audits keep to it."""
    operations.put_aside(service(), finding)


@bp.delete("/audit/findings/<finding>/aside")
@needs(Permission.ADMINISTER)
@answers({204: None}, refuses=GALLERY | {"finding_not_found"})
@logged(AccessAction.FINDING_PUT_ASIDE, detail=lambda _, __: "taken up again")
def take_up(finding: str) -> None:
    """Take a finding up again that was put aside."""
    operations.take_up(service(), finding)


@bp.get("/calibration")
@needs(Permission.LOOK_AFTER)
@answers(CalibrationReply, refuses=GALLERY)
def calibration() -> CalibrationReply:
    """The threshold in force, the stored curve, and what other rates would mean here."""
    return calibration_reply(calibration_state(service()))


@bp.put("/calibration")
@needs(Permission.ADMINISTER)
@answers(CalibrationReply, refuses=GALLERY | {"calibration_not_found", "threshold_is_set"})
@logged(AccessAction.CALIBRATED, detail=lambda asked, _: f"fpir={asked['body'].fpir:g}")
def set_calibration(body: CalibrationFields) -> CalibrationReply:
    """Let the stored curve give the threshold for another rate."""
    return calibration_reply(set_rate(service(), body.fpir))


@bp.get("/reports/groups")
@needs(Permission.LOOK_AFTER)
@answers(GroupReportReply, refuses=GALLERY)
def groups() -> GroupReportReply:
    """How well groups of students are recognised, as `presente eval groups` found last."""
    text = service().gallery.whole.store.notes.read(GROUP_REPORT)
    return group_report_reply(None if text is None else read_report(text))


@bp.get("/settings")
@needs(Permission.LOOK_AFTER)
@answers(SettingsReply, refuses=GALLERY)
def settings() -> SettingsReply:
    """Every setting, and where it came from; never a secret."""
    return settings_reply(service().settings)
