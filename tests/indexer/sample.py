"""The sample class as the indexer's tests use it: its students, their documents in the first system, and commands."""

import csv
import json
from pathlib import Path
from typing import Any

from pymongo.database import Database

from tests.conftest import SAMPLE, Command

FirstSystem = Database[dict[str, Any]]
"""What the fixture `first_system` is."""

SHEET = SAMPLE / "students.csv"
with (SAMPLE / "students.csv").open(encoding="utf-8") as stream:
    STUDENTS = list(csv.DictReader(stream))
ANA, EVA, LUZ, IRIS = STUDENTS[:4]


def photo(student: dict[str, str], number: int = 0) -> bytes:
    return (SAMPLE / student["fotos"].split(";")[number]).read_bytes()


def fields(student: dict[str, str], **other: Any) -> dict[str, Any]:
    kept = {name: student[name] for name in ("matricula", "nombre_del_alumno", "clase", "fecha_de_registro")}
    return kept | {"asistencias": 0, "participaciones": 0} | other


def url_of(database: FirstSystem, mongo_server: str) -> str:
    return f"{mongo_server}/{database.name}"


def take_over(command: Command, url: str, code: int) -> dict[str, Any]:
    done = command("indexer", "add", url, "--json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def identified(command: Command, student: dict[str, str]) -> str:
    done = command("evaluation", "predict", SAMPLE / "probes" / student["matricula"] / "1.jpg", "--json")
    return json.loads(done.stdout)["photos"][0]["faces"][0]["nombre"]


def added(command: Command, *arguments: str | Path, code: int = 0) -> dict[str, Any]:
    done = command("indexer", "add", *arguments, "--json")
    assert done.returncode == code, done.stderr
    report = json.loads(done.stdout)
    assert report["photos"] == report["done"] + report["already"] + report["refused"] + report["left"]
    return report
