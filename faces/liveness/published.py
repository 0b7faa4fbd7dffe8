"""Published liveness packs: addresses, files with their SHA-256, what they take, and their terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from faces.declared_network import NetworkInput
from faces.liveness.description import CropRule, LivenessDescription, LivenessModel, LivenessOutput
from faces.packs.published import ModelFile

_YAKHYO = "https://github.com/yakhyo/face-anti-spoofing/releases/download/weights"
_FACENOX = (
    "https://raw.githubusercontent.com/facenox/face-antispoof-onnx/2b0a221fda633ac0aa0b0797b578580ecbbb4f81/"
    "models/best/98.20"
)
_INSIGHTFACE = "https://github.com/deepinsight/insightface-model-addons/releases/download/addons"


@dataclass(frozen=True, slots=True)
class PublishedLiveness:
    """A liveness pack that can be pulled.

    Attributes:
        name: of the pack and its folder.
        files: its models, each published by itself.
        description: what they take and give, and the terms of their weights.
        terms: where the terms are, and what they say beside the licence.
    """

    name: str
    files: tuple[ModelFile, ...]
    description: LivenessDescription
    terms: str

    @property
    def url(self) -> None:
        """There is no archive."""
        return

    @property
    def licence(self) -> str:
        """Of the weights."""
        return self.description.licence

    @property
    def use(self) -> str:
        """Who may use them."""
        return self.description.use


def minifasnet_model(
    file: str, scale: float, least_seen: float, sha256: str = "", sides: tuple[int, int] = (80, 80)
) -> LivenessModel:
    """A MiniFASNet of Silent-Face-Anti-Spoofing: BGR from 0 to 255, three classes, of which the second is live."""
    return LivenessModel(
        file,
        CropRule("box", scale, "shrink", "linear", least_seen),
        NetworkInput(*sides, colours="bgr"),
        LivenessOutput("logits", 3, 1),
        sha256,
    )


def _minifasnet() -> PublishedLiveness:
    v2 = ModelFile(
        "MiniFASNetV2.onnx", "b32929adc2d9c34b9486f8c4c7bc97c1b69bc0ea9befefc380e4faae4e463907", 1_743_581, _YAKHYO
    )
    v1se = ModelFile(
        "MiniFASNetV1SE.onnx", "ebab7f90c7833fbccd46d3a555410e78d969db5438e169b6524be444862b3676", 1_742_335, _YAKHYO
    )
    described = LivenessDescription(
        (minifasnet_model(v2.name, 2.7, 0.7, v2.sha256), minifasnet_model(v1se.name, 4.0, 0.5, v1se.sha256)),
        threshold=0.5,
        licence="Apache-2.0",
        use="anyone",
        about="minivision-ai/Silent-Face-Anti-Spoofing's pair, as yakhyo/face-anti-spoofing has it in ONNX.",
    )
    return PublishedLiveness(
        "minifasnet",
        (v2, v1se),
        described,
        "https://github.com/minivision-ai/Silent-Face-Anti-Spoofing/blob/master/LICENSE",
    )


def _celeba_spoof() -> PublishedLiveness:
    file = ModelFile(
        "best_model.onnx", "af2381b88f38769222ed93379e12444e2a50814575de1c46170de570c55a42b6", 1_912_594, _FACENOX
    )
    described = LivenessDescription(
        (
            LivenessModel(
                file.name,
                CropRule("square", 1.5, "reflect", "area"),
                NetworkInput(128, 128, scale=255.0),
                LivenessOutput("logits"),
                file.sha256,
            ),
        ),
        threshold=0.5,
        licence="Apache-2.0 is the project's; CelebA-Spoof, which it was trained on, is for research only",
        use="not stated",
        about="facenox/face-antispoof-onnx's MiniFASNet V2 SE, trained on CelebA-Spoof.",
    )
    return PublishedLiveness(
        "celeba_spoof", (file,), described, "https://github.com/facenox/face-antispoof-onnx/blob/main/LICENSE"
    )


def _insightface() -> PublishedLiveness:
    file = ModelFile(
        "liveness.onnx", "87a9ac1dbb16a61eec212957e5095e62a8769c1e188af9b0198f253302c4afdb", 1_484_006, _INSIGHTFACE
    )
    described = LivenessDescription(
        (
            LivenessModel(
                file.name,
                CropRule("landmarks", 80 / 50.4, "repeat"),
                NetworkInput(80, 80, scale=255.0),
                LivenessOutput("probabilities", 1),
                file.sha256,
            ),
        ),
        threshold=0.8,
        licence="InsightFace pretrained models: non-commercial research purposes only",
        use="research only",
        about="InsightFace's own add-on.",
    )
    return PublishedLiveness(
        "insightface_liveness", (file,), described, "https://github.com/deepinsight/insightface-model-addons"
    )


PUBLISHED_LIVENESS: Mapping[str, PublishedLiveness] = {
    pack.name: pack for pack in (_minifasnet(), _celeba_spoof(), _insightface())
}
"""By name. Of the files only celeba_spoof's was at hand; its digest and MiniFASNet's are those that several independent
users of the same addresses publish. The add-on's address, size and digest are those of insightface's own catalogue
(``insightface.addons.catalog``), and what it takes is what its adapter gives it."""
