"""``python -m tools.sbom``: write sbom.cdx.json anew, the bill of materials of what is installed (CycloneDX 1.6).

What is in it is what the requirements files pin, and what the console's pages are built of. Addresses and digests of
the wheels are those that pip finds for the image, on both of its machines; licences are what the packages say of
themselves. It has no date and no serial number: the same lists make the same file.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

from presente import __version__

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "sbom.cdx.json"
CONSOLE_LOCK = ROOT / "server" / "console" / "build" / "package-lock.json"
LISTS = {
    "requirements.txt": "required",
    "requirements-openvino.txt": "optional",
    "requirements-otel.txt": "optional",
    "requirements-ray.txt": "optional",
    "requirements-redis.txt": "optional",
}
"""The lists of what runs, and whether Presente runs without it."""
IMAGE_PYTHON = "3.13"
_SAID_ELSEWHERE = {"insightface": ["MIT"], "openvino": ["Apache-2.0"]}
"""Licences that a package's repository names and its metadata do not."""
_MACHINES = ("x86_64", "aarch64")
_GLIBC = ("2014", "_2_17", "_2_28", "_2_31", "_2_35")

Json = dict[str, Any]


def pins(name: str) -> dict[str, str]:
    """The packages of a requirements file, as they are spelled there, with their versions."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))


def python_components() -> Iterator[Json]:
    """The packages of every list; asks the package index."""
    for listed, scope in LISTS.items():
        found = [_wheels(listed, machine) for machine in _MACHINES]
        for name, version in sorted(pins(listed).items(), key=lambda pin: _canonical(pin[0])):
            wheels = [each[_canonical(name)] for each in found]
            own = f"pkg:pypi/{_canonical(name)}@{version}"
            distributions = {each["download_info"]["url"]: each["download_info"]["archive_info"] for each in wheels}
            yield {
                "type": "library",
                "bom-ref": own,
                "name": name,
                "version": version,
                "scope": scope,
                "licenses": licences(name, version, wheels[0]["metadata"]),
                "purl": own,
                "externalReferences": [
                    {
                        "type": "distribution",
                        "url": url,
                        "hashes": [{"alg": "SHA-256", "content": archive["hashes"]["sha256"]}],
                    }
                    for url, archive in distributions.items()
                ],
            }


def console_components() -> Iterator[Json]:
    """The libraries that are built into the console's pages."""
    for place, package in json.loads(CONSOLE_LOCK.read_text(encoding="utf-8"))["packages"].items():
        if not place or package.get("dev"):
            continue
        name, version = place.rpartition("node_modules/")[2], package["version"]
        algorithm, _, digest = package["integrity"].partition("-")
        own = f"pkg:npm/{quote(name, safe='/')}@{version}"
        yield {
            "type": "library",
            "bom-ref": own,
            "name": name,
            "version": version,
            "scope": "required",
            "hashes": [{"alg": f"SHA-{algorithm.removeprefix('sha')}", "content": base64.b64decode(digest).hex()}],
            "licenses": [{"expression": package["license"]}],
            "purl": own,
        }


def licences(name: str, version: str, reported: Json) -> list[Json]:
    """What a package says of its licence: an SPDX expression, else one line of its own, else its classifiers."""
    expression, words = reported.get("license_expression"), reported.get("license")
    marks = reported.get("classifier") or []
    with suppress(metadata.PackageNotFoundError):
        own = metadata.metadata(name)
        if own["Version"] == version:
            expression, words = own["License-Expression"], own["License"]
            marks = own.get_all("Classifier") or []
    if expression:
        return [{"expression": expression}]
    said = str(words or "").strip()
    classified = [mark.rpartition(" :: ")[2] for mark in marks if mark.startswith("License ::")]
    return [
        {"license": {"name": text}}
        for text in ([said] if said and "\n" not in said else classified or _SAID_ELSEWHERE.get(_canonical(name), []))
    ]


def _wheels(listed: str, machine: str) -> dict[str, Json]:
    """What pip would install of a list for the image on a machine, by canonical name; nothing is installed."""
    platforms = [word for glibc in _GLIBC for word in ("--platform", f"manylinux{glibc}_{machine}")]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        words = ["--dry-run", "--ignore-installed", "--no-deps", "--quiet", "--report", str(report)]
        words += ["--only-binary=:all:", "--target", folder, "--python-version", IMAGE_PYTHON, *platforms]
        subprocess.run([sys.executable, "-m", "pip", "install", *words, "-r", str(ROOT / listed)], check=True)
        found = json.loads(report.read_text(encoding="utf-8"))["install"]
    return {_canonical(each["metadata"]["name"]): each for each in found}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    """Write the file."""
    components = [*python_components(), *console_components()]
    own = f"pkg:pypi/presente@{__version__}"
    bill = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": "presente",
                "version": __version__,
                "licenses": [{"license": {"id": "MIT"}}],
                "purl": own,
            }
        },
        "components": components,
        "dependencies": [{"ref": own, "dependsOn": sorted(each["bom-ref"] for each in components)}],
    }
    FILE.write_text(json.dumps(bill, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
