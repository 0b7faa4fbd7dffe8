"""requirements.txt is installed with --no-deps, so it has to be complete; and only one OpenCV may be in it."""

from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.pins import pinned

LEFT_OUT = {
    ("flask-openapi3-swagger", "flask-openapi3"),  # only the files of Swagger UI in it are used
    ("insightface", "opencv-python"),  # the headless build provides it
    ("scikit-image", "imageio"),  # only skimage.io needs it, like tifffile; skimage.graph needs networkx
    ("scikit-image", "networkx"),
    ("scikit-image", "tifffile"),
}


def test_what_is_pinned_is_installed() -> None:
    for name, version in (pinned("requirements.txt") | pinned("requirements-test.txt")).items():
        if name == "onnxruntime" and "onnxruntime-gpu" in {each.name for each in metadata.distributions()}:
            continue  # `make cuda` put the other build in its place
        assert metadata.version(name) == version, name


def test_every_requirement_of_every_package_is_listed() -> None:
    pins = pinned("requirements.txt") | pinned("requirements-test.txt")
    for name in pins:
        for text in metadata.requires(name) or []:
            wanted = Requirement(text)
            if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
                continue
            if (name, canonicalize_name(wanted.name)) in LEFT_OUT:
                continue
            assert canonicalize_name(wanted.name) in pins, f"{name} needs {wanted}"
            assert wanted.specifier.contains(pins[canonicalize_name(wanted.name)], prereleases=True), (
                f"{name}: {wanted}"
            )
    assert not {wanted for _, wanted in LEFT_OUT} & pins.keys()


def test_openvino_needs_nothing_that_is_not_listed() -> None:
    pins = pinned("requirements.txt") | pinned("requirements-openvino.txt")
    try:
        if metadata.version("openvino") != pins["openvino"]:
            pytest.skip("another OpenVINO is installed: `make openvino` installs the pinned one")
        wanted = [Requirement(text) for text in metadata.requires("openvino") or []]
    except metadata.PackageNotFoundError:
        pytest.skip("OpenVINO is not installed (`make openvino`)")
    for needed in wanted:
        if needed.name == "openvino-telemetry":
            continue  # left out on purpose
        assert needed.specifier.contains(pins[canonicalize_name(needed.name)], prereleases=True), str(needed)


@pytest.mark.parametrize("extra", ["otel", "ray", "cuda"])
def test_an_extra_needs_nothing_that_is_not_listed(extra: str) -> None:
    own = pinned(f"requirements-{extra}.txt")
    pins = pinned("requirements.txt") | own
    assert not own.keys() & pinned("requirements.txt").keys()
    for name, version in own.items():
        try:
            assert metadata.version(name) == version, name
        except metadata.PackageNotFoundError:
            pytest.skip(f"{name} is not installed (`make {extra}`)")
        for wanted in map(Requirement, metadata.requires(name) or []):
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                pinned_version = pins[canonicalize_name(wanted.name)]
                assert wanted.specifier.contains(pinned_version, prereleases=True), f"{name} needs {wanted}"


def test_what_training_needs_is_nowhere_else() -> None:
    pins = pinned("requirements.txt") | pinned("requirements-test.txt")
    assert not {"jax", "optax", "torch", "flax"} & pins.keys()
