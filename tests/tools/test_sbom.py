"""The bill of materials says what is pinned and installed, in the form of CycloneDX."""

from __future__ import annotations

import importlib.util
import json
import re
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from presente import __version__
from tests.conftest import ROOT
from tools import sbom

BILL: dict[str, Any] = json.loads((ROOT / "sbom.cdx.json").read_text(encoding="utf-8"))
COMPONENTS: list[dict[str, Any]] = BILL["components"]
PYTHON = [each for each in COMPONENTS if each["purl"].startswith("pkg:pypi/")]


def test_it_has_what_the_lists_pin_and_nothing_else() -> None:
    wanted = sorted(
        (name, version, scope) for file, scope in sbom.LISTS.items() for name, version in sbom.pins(file).items()
    )
    assert sorted((each["name"], each["version"], each["scope"]) for each in PYTHON) == wanted, (
        "run python -m tools.sbom"
    )
    assert BILL["metadata"]["component"]["version"] == __version__
    lists = {path.name for path in ROOT.glob("requirements*.txt")}
    of_developers = {f"requirements-{name}.txt" for name in ("benchmarks", "ci", "test")}
    assert sbom.LISTS.keys() == lists - of_developers - {"requirements-cuda.txt"}  # NVIDIA's are not of the image


def test_every_wheel_has_its_address_and_digest() -> None:
    for each in PYTHON:
        wheels = each["externalReferences"]
        assert 1 <= len(wheels) <= 2, each["name"]
        for wheel in wheels:
            file = wheel["url"].rpartition("/")[2]
            assert file.endswith(".whl") and wheel["url"].startswith("https://"), file
            name, version, *_ = file.split("-")
            assert (canonicalize_name(name), version) == (canonicalize_name(each["name"]), each["version"])
            (digest,) = wheel["hashes"]
            assert digest["alg"] == "SHA-256" and re.fullmatch("[0-9a-f]{64}", digest["content"])


def test_licences_are_those_that_the_installed_packages_name() -> None:
    asked = 0
    for each in PYTHON:
        assert each["licenses"], each["name"]
        try:
            installed = metadata.version(each["name"])
        except metadata.PackageNotFoundError:
            continue
        if installed == each["version"]:
            assert sbom.licences(each["name"], each["version"], {}) == each["licenses"], each["name"]
            asked += 1
    assert asked >= len(sbom.pins("requirements.txt")) - 1


def test_it_has_what_the_console_is_built_of() -> None:
    built = list(sbom.console_components())
    assert [each for each in COMPONENTS if each not in PYTHON] == built, "run python -m tools.sbom"
    assert {"preact", "echarts", "htm", "@preact/signals"} <= {each["name"] for each in built}
    assert not {"typescript", "esbuild"} & {each["name"] for each in built}
    assert all(len(each["hashes"][0]["content"]) == 128 for each in built)


def test_it_is_valid_by_the_schema_of_cyclonedx() -> None:
    found = importlib.util.find_spec("cyclonedx")
    if found is None or found.origin is None:
        pytest.skip("cyclonedx-python-lib is not installed (it is in CI)")
    jsonschema = pytest.importorskip("jsonschema")
    referencing = pytest.importorskip("referencing")
    folder = Path(found.origin).parent / "schema" / "_res"
    schemas = {
        f"http://cyclonedx.org/schema/{path.name}": json.loads(path.read_text(encoding="utf-8"))
        for path in (folder / f"{name}.SNAPSHOT.schema.json" for name in ("bom-1.6", "jsf-0.82", "spdx"))
    }
    draft = referencing.jsonschema.DRAFT7
    registry = referencing.Registry().with_resources(
        (name, draft.create_resource(each)) for name, each in schemas.items()
    )
    checker = jsonschema.Draft7Validator(schemas[BILL["$schema"].replace("1.6", "1.6.SNAPSHOT")], registry=registry)
    assert [error.message for error in checker.iter_errors(BILL)] == []
    wrong = BILL | {"components": [*COMPONENTS, {"type": "library"}]}
    assert list(checker.iter_errors(wrong))
