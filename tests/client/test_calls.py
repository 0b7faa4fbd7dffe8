"""Both clients against a real server: every method, and the errors that it meets."""

import base64
import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from client import (
    AsyncClient,
    Client,
    Conflict,
    Consent,
    InvalidRequest,
    NoAnswer,
    NotAllowed,
    NotFound,
    PhotoRefused,
    UnexpectedAnswer,
)
from client.unknowns import AsyncUnknowns, Unknowns
from tests.client.conftest import MakeClient
from tests.client.fault_proxy import fault_proxy
from tests.conftest import SAMPLE, on_sqlite
from tests.server.conftest import Serve
from tests.server.people import wait_until
from tests.server.sample import (
    ADMIN,
    ANA,
    ATTENDANCE,
    CLASS,
    DAY,
    EVA,
    GROUP,
    HERE,
    KEYS,
    PROBE,
    STRANGER,
    STUDENTS,
    photos,
)
from tests.server.strangers import photo_of


def enrol(presente: Any, student: dict[str, str], **more: Any) -> Any:
    return presente.enrol(
        student["matricula"], student["nombre_del_alumno"], photos(student), clase=student["clase"], **more
    )


def test_students(presente: Any) -> None:
    consent = Consent(fecha="2026-08-01", texto="aviso 3")
    made = enrol(presente, ANA, consentimiento=consent, fecha_de_registro="2026-08-02")
    assert made.student == presente.student(ANA["matricula"]) and len(made.photos) == len(photos(ANA))
    assert (made.student.consentimiento, made.student.fecha_de_registro) == (consent, "2026-08-02")
    assert made.warnings == () and made.student.images == len(photos(ANA))
    paths = [SAMPLE / name for name in EVA["fotos"].split(";")]
    assert presente.enrol(EVA["matricula"], EVA["nombre_del_alumno"], paths[:1]).student.clase == ""
    assert presente.add_photos(EVA["matricula"], [str(path) for path in paths[1:]]).student.images == len(paths)
    assert [each.matricula for each in presente.students(page_size=1)] == [ANA["matricula"], EVA["matricula"]]
    assert [each.matricula for each in presente.students(q=EVA["nombre_del_alumno"])] == [EVA["matricula"]]
    changed = presente.change(ANA["matricula"], otras_clases=["X", "Y"], consentimiento=None)
    assert changed.otras_clases == ("X", "Y") and changed.consentimiento is None
    assert changed.clase == ANA["clase"] and changed.nombre_del_alumno == ANA["nombre_del_alumno"]
    assert presente.erase(ANA["matricula"]) is None
    with pytest.raises(NotFound) as missing:
        presente.student(ANA["matricula"])
    assert (missing.value.code, missing.value.status, missing.value.retry_after) == ("student_not_found", 404, None)
    assert len(missing.value.request_id) == 32 and ANA["matricula"] in str(missing.value)


def test_questions(presente: Any) -> None:
    enrol(presente, ANA)
    enrol(presente, EVA)
    found = presente.identify(PROBE, k=1, detail="portrait")
    (face,) = found.faces
    assert (face.decision, face.matricula, len(face.candidates)) == ("known", ANA["matricula"], 1)
    assert found.pack == "sample" and face.score >= found.threshold and len(face.box) == 4 and face.quality.size > 10
    assert presente.identify(STRANGER).faces[0].nombre == "Desconocido"
    assert len(presente.identify(GROUP, faces="largest").faces) == 1
    assert presente.identify(PROBE, clase="X").hint
    same, other = (presente.verify(PROBE, each["matricula"]) for each in (ANA, EVA))
    assert same.same_person and not other.same_person and same.score == face.score
    rows = np.random.default_rng(1).normal(size=(2, 128)).astype(np.float32)
    by_array, by_rows = presente.search(rows, k=1), presente.search(rows.tolist(), k=1)
    assert by_array.results == by_rows.results and [len(each) for each in by_array.results] == [1, 1]
    status = presente.status()
    assert (status.students, status.pack, status.templates) == (2, "sample", len(photos(ANA)) + len(photos(EVA)))
    assert presente.ready() and presente.ready().status == "ready"


def test_attendance(sample_gallery: None, presente: Any) -> None:
    taken = presente.take_attendance(GROUP, CLASS, fecha=DAY)
    seen = {face.matricula: face for face in taken.faces if face.status == "present"}
    assert set(HERE) <= set(seen) and taken.counts["present"] == len(seen)
    entry = seen[HERE[0]].entries[0]
    (settled,) = presente.resolve(entry.id, "rejected", note="era su hermana")
    assert (settled.status, settled.source, settled.note) == ("rejected", "hand", "era su hermana")
    late = next(each["matricula"] for each in STUDENTS if each["clase"] == CLASS and each["matricula"] not in seen)
    said = presente.state_attendance(late, CLASS, fecha=DAY, note="tarde")
    assert (said.matricula, said.status, said.score) == (late, "present", None)
    lines = {line.matricula: line for line in presente.attendance(clase=CLASS, fecha=DAY, page_size=2)}
    assert lines[HERE[0]].status == "rejected" and lines[late].note == "tarde" and lines[HERE[1]].score
    assert {line.status for line in lines.values()} == {"present", "rejected", "absent"}
    history = [*presente.attendance(clase=CLASS, fecha=DAY, history=True, page_size=1)]
    assert len([line for line in history if line.matricula == HERE[0]]) == 2
    made = presente.record_participation(late, fecha=DAY, kind="pregunta")
    assert [*presente.participations(clase=CLASS)] == [made] and made.kind == "pregunta"
    presente.withdraw_participation(made.id)
    assert [*presente.participations(clase=CLASS)] == []
    assert [each.withdraws for each in presente.participations(history=True, page_size=1)] == [None, made.id]


@on_sqlite
def test_unknown_people(serve: Serve, make_client: MakeClient) -> None:
    presente = make_client(serve(PRESENTE_UNKNOWNS="keep").address)
    enrol(presente, ANA)
    for stranger in (1, 2, 3):
        assert presente.identify(photo_of(stranger)).faces[0].decision == "unknown"
    wait_until(lambda: len([*presente.unknowns.all()]) == 3)
    first, second, third = sorted(presente.unknowns.all(order="visits", page_size=1), key=lambda each: each.id)
    assert (
        presente.status().keeps_unknown and presente.unknowns.one(first.id).resembles[0].matricula == ANA["matricula"]
    )
    joined = presente.unknowns.join(first.id, second.id)
    faces = [*presente.unknowns.faces(first.id, page_size=1)]
    assert joined.visits == len(faces) == 2 and {face.source for face in faces} == {"identify"}
    assert presente.unknowns.picture(first.id, faces[0].id).startswith(b"\xff\xd8")
    again = presente.unknowns.split(first.id, [faces[1].id])
    assert again.cover == second.cover and presente.unknowns.mark(again.id, note="cartero").note == "cartero"
    assert presente.unknowns.mark(again.id, state="not_ours").state == "not_ours"
    assert [each.id for each in presente.unknowns.all(state="not_ours")] == [again.id]
    named = presente.unknowns.enrol(
        first.id, "A9001", "Nadia Sol", clase="X", consentimiento=Consent(fecha=DAY, texto="t")
    )
    assert (named.student.images, named.photos, named.erased, named.warnings) == (1, 1, 1, ())
    with pytest.raises(Conflict) as other:
        presente.unknowns.merge(third.id, "A9001")
    assert other.value.code == "different_person"
    assert (
        presente.unknowns.merge(third.id, "A9001", faces=[third.cover], rest="forget", force=True).student.images == 2
    )
    assert presente.unknowns.forget(again.id, again.cover, asked=True) is None
    assert presente.unknowns.forget_by_photo(photo_of(2)).faces == 0
    with pytest.raises(NotFound) as gone:
        presente.unknowns.forget(again.id)
    assert gone.value.code == "unknown_person_not_found"


@on_sqlite
def test_refusals_are_typed(presente: Any, tmp_path: Path) -> None:
    enrol(presente, ANA)
    for ask, kind, code in (
        (lambda: enrol(presente, ANA), Conflict, "student_exists"),
        (lambda: presente.identify(b"no photo"), PhotoRefused, "not_an_image"),
        (lambda: presente.identify(PROBE, k=0), InvalidRequest, "invalid_k"),
        (lambda: presente.student("a b/c?d=%41"), NotFound, "not_found"),
        (lambda: [*presente.students(clase="X")], NotFound, "class_not_found"),
        (lambda: presente.search([[1.0]]), InvalidRequest, "dimension_mismatch"),
        (lambda: presente.change(ANA["matricula"], aviso="x" * 70_000), InvalidRequest, "too_many_bytes"),
    ):
        with pytest.raises(kind) as refused:
            ask()
        assert refused.value.code == code
    with pytest.raises(FileNotFoundError):
        presente.identify(tmp_path / "none.jpg")
    with pytest.raises(TypeError, match="bytes or a path"):
        presente.identify(5)


@on_sqlite
def test_a_matricula_is_found_whatever_its_letters(presente: Any) -> None:
    for matricula in ("Ñ 1", "50%", "a?b#c", "%41", "+1"):
        presente.enrol(matricula, "Ana", [photos(ANA)[0]], force=True)
        assert presente.student(matricula).matricula == matricula
        assert presente.add_photos(matricula, [photos(ANA)[1]], force=True).student.images == 2
        presente.erase(matricula)


@on_sqlite
def test_keys(serve: Serve, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    address = serve(PRESENTE_API_KEYS=KEYS).address
    monkeypatch.delenv("PRESENTE_API_KEY", raising=False)
    for key, code in ((None, "missing_key"), ("x" * 20, "unknown_key")):
        with pytest.raises(NotAllowed) as refused:
            make_client(address, key).status()
        assert refused.value.code == code
    assert make_client(address, ATTENDANCE).status().students == 0
    with pytest.raises(NotAllowed, match="role_not_enough"):
        make_client(address, ATTENDANCE).erase("A1")
    monkeypatch.setenv("PRESENTE_API_KEY", ADMIN)
    assert make_client(address).status().students == 0
    with pytest.raises(NotAllowed):  # an argument goes before the environment
        make_client(address, "").status()
    assert ADMIN not in repr(Client(address, ADMIN).settings)


@on_sqlite
def test_an_address_that_is_no_presente(serve: Serve, make_client: MakeClient) -> None:
    running = serve()
    with fault_proxy(running.address) as proxy:
        client = make_client(proxy.address)
        proxy.faults = ["nonsense"]
        with pytest.raises(UnexpectedAnswer, match="Please log in"):
            client.status()
        assert make_client(f"{proxy.address}/").status().students == 0
        with pytest.raises(NotFound):
            make_client(f"{proxy.address}/elsewhere").status()
    with pytest.raises(NoAnswer, match="ConnectError"):
        make_client(proxy.address).status()


def test_both_clients_have_the_same_methods() -> None:
    def methods(kind: type) -> dict[str, inspect.Signature]:
        return {name: inspect.signature(each) for name, each in vars(kind).items() if name[0] != "_" and callable(each)}

    for one, other, least in ((Client, AsyncClient, 18), (Unknowns, AsyncUnknowns, 10)):
        blocking, awaiting = methods(one), methods(other)
        assert list(blocking) == list(awaiting) and len(blocking) > least
        for name in blocking:
            ours = [(each.name, each.default, each.kind) for each in blocking[name].parameters.values()]
            assert ours == [(each.name, each.default, each.kind) for each in awaiting[name].parameters.values()], name
            assert inspect.getdoc(getattr(one, name)) == inspect.getdoc(getattr(other, name)), name


@on_sqlite
def test_the_data_url_that_a_page_has_is_no_path(presente: Any) -> None:
    """A text is a path: what looks like base64 is not sent by mistake."""
    with pytest.raises(OSError):
        presente.identify("data:image/jpeg;base64," + base64.b64encode(PROBE).decode())
