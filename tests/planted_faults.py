"""The sample class with faults that an audit finds."""

import csv
from pathlib import Path

from PIL import Image

from tests.conftest import SAMPLE

SHEET = SAMPLE / "students.csv"


def plant(folder: Path) -> Path:
    """A sheet of the sample class with a student under two names, two swapped photos, a student's photo that is also
    filed under another student, and a photo saved twice."""
    with SHEET.open(encoding="utf-8") as stream:
        students = {row["matricula"]: row for row in csv.DictReader(stream)}
    photos = {name: [str(SAMPLE / photo) for photo in row["fotos"].split(";")] for name, row in students.items()}
    photos["A0241"][0], photos["A0262"][1] = photos["A0262"][1], photos["A0241"][0]
    photos["A0283"].append(photos["A0178"][0])
    again = folder / "again.jpg"
    Image.open(photos["A0295"][1]).save(again, quality=80)
    photos["A0295"].append(str(again))
    assert students["A0217"]["nombre_del_alumno"] == "Itzel Barragán Núñez"
    students["B0001"] = students["A0217"] | {"matricula": "B0001", "nombre_del_alumno": "ITZEL SOFIA BARRAGAN NUNEZ"}
    photos["B0001"] = [str(SAMPLE / "probes" / "A0217" / f"{number}.jpg") for number in (1, 2)]
    sheet = folder / "planted.csv"
    with sheet.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(students["B0001"]))
        writer.writeheader()
        writer.writerows(row | {"fotos": ";".join(photos[name])} for name, row in students.items())
    return sheet
