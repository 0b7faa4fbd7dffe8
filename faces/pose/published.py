"""Published pose packs: addresses, files with their SHA-256, what they take, and their terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from faces.declared_network import NetworkInput
from faces.packs.published import ModelFile
from faces.pose.description import PoseDescription, PoseOutput

_MMPOSE = "https://download.openmmlab.com/mmpose/v1/projects/rtmposev1/onnx_sdk"
_MOVENET = (
    "https://raw.githubusercontent.com/Kazuhito00/MoveNet-Python-Example/515743a113e49b4f31677b1f6252c0041f237e30/onnx"
)


@dataclass(frozen=True, slots=True)
class PublishedPose:
    """A pose pack that can be pulled.

    Attributes:
        name: of the pack and its folder.
        url: the archive's address; None: the file is published by itself.
        model: the file.
        description: what it takes and gives, and the terms of its weights.
        terms: where the terms are, and what they say beside the licence.
    """

    name: str
    url: str | None
    model: ModelFile
    description: PoseDescription
    terms: str

    @property
    def files(self) -> tuple[ModelFile, ...]:
        """What is installed."""
        return (self.model,)

    @property
    def licence(self) -> str:
        """Of the weights."""
        return self.description.licence

    @property
    def use(self) -> str:
        """Who may use them."""
        return self.description.use


def _rtmpose(size: str, name: str, sha256: str, length: int) -> PublishedPose:
    model = ModelFile("end2end.onnx", sha256, length)
    described = PoseDescription(
        model=model.name,
        input=NetworkInput(height=256, width=192, mean=(123.675, 116.28, 103.53), scale=(58.395, 57.12, 57.375)),
        output=PoseOutput("simcc"),
        sha256=sha256,
        licence="Apache-2.0 is MMPose's; of the weights by themselves nothing is stated",
        use="not stated",
    )
    terms = "https://github.com/open-mmlab/mmpose/tree/main/projects/rtmpose"
    return PublishedPose(f"rtmpose_{size}", f"{_MMPOSE}/{name}.zip", model, described, terms)


def _movenet(kind: str, side: int, sha256: str) -> PublishedPose:
    model = ModelFile(f"movenet_singlepose_{kind}_4.onnx", sha256, 0, _MOVENET)
    described = PoseDescription(
        model=model.name,
        input=NetworkInput(height=side, width=side, layout="nhwc"),
        output=PoseOutput("movenet"),
        sha256=sha256,
        licence="Apache-2.0",
        use="anyone",
    )
    terms = (
        "https://www.kaggle.com/models/google/movenet, whose model card says that surveillance and the recognition of "
        "identities are out of its scope"
    )
    return PublishedPose(f"movenet_{kind}", None, model, described, terms)


PUBLISHED_POSES: Mapping[str, PublishedPose] = {
    pack.name: pack
    for pack in (
        _rtmpose(
            "t",
            "rtmpose-t_simcc-body7_pt-body7_420e-256x192-026a1439_20230504",
            "a6c2f6a3896a4d51131d14d7a80a3d08b50f559af5a58a45d5b098aef510a70f",
            13_350_364,
        ),
        _rtmpose(
            "s",
            "rtmpose-s_simcc-body7_pt-body7_420e-256x192-acd4a1ef_20230504",
            "9aeb635b83f86aea45cf45d85798f7eba1a162de8e0d721c44e54fe5eebaf47d",
            21_890_172,
        ),
        _rtmpose(
            "m",
            "rtmpose-m_simcc-body7_pt-body7_420e-256x192-e48f03d0_20230504",
            "5c0a4bf67953e6d2ac43ce15e77dc9d5d354ae18430a47d2c5963a7bc5683e3c",
            54_330_655,
        ),
        _movenet("lightning", 192, "402dadf6a184171f293bc2ef4edf2f96c4b3e0ed6d3b5890198d036a3087b623"),
        _movenet("thunder", 256, "7fae4dc3cdd07ebd5535a1e9515c6baf945daeb60708158f03f915fc8e42eac6"),
    )
}
"""By name. None of the files was at hand. RTMPose's digests are those that several independent users of OpenMMLab's
archives publish; MoveNet's are those of one project that pins the same address, and its files' sizes are not known."""
