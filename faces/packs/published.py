"""Published packs, InsightFace's and OpenCV's: addresses, files with their SHA-256, and terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from faces.packs.description import Preprocessing

_RELEASE = "https://github.com/deepinsight/insightface/releases/download/v0.7"
_RESEARCH_ONLY = "InsightFace pretrained models: non-commercial research purposes only"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One ONNX file of a published pack: its name in the archive, SHA-256 (hex) and size in bytes (0: not known, only
    of one that is published by itself); its folder's address when it is published by itself."""

    name: str
    sha256: str
    size: int
    folder_url: str = ""


class Published(Protocol):
    """What can be pulled: a face pack or a pose pack; attributes as :class:`PublishedPack`'s."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def url(self) -> str | None: ...  # noqa: D102
    @property
    def files(self) -> tuple[ModelFile, ...]: ...  # noqa: D102
    @property
    def licence(self) -> str: ...  # noqa: D102
    @property
    def terms(self) -> str: ...  # noqa: D102
    @property
    def use(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class PublishedPack:
    """A pack that can be pulled.

    Attributes:
        name: of the pack and its folder.
        url: the archive's address; None: its files are published by themselves.
        detection, recognition: the two files.
        dim: length of a template.
        licence, terms: of the weights, and where they are.
        use: who may use them.
        preprocessing: what the embedder takes; None for an ArcFace.
    """

    name: str
    url: str | None
    detection: ModelFile
    recognition: ModelFile
    dim: int
    licence: str = _RESEARCH_ONLY
    terms: str = "https://github.com/deepinsight/insightface#license"
    use: str = "research only"
    preprocessing: Preprocessing | None = None

    @property
    def files(self) -> tuple[ModelFile, ...]:
        """What is installed."""
        return self.detection, self.recognition


_DET_10G = ("5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91", 16_923_827)
_DET_25G = ("041f73f47371333d1d17a6fee6c8ab4e6aecabefe398ff32cca4e2d5eaee0af9", 3_292_009)
_DET_500M = ("5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a", 2_524_817)
_R50 = ("4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43", 174_383_860)
_MBF = ("9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f", 13_616_099)
_R100 = ("4ab1d6435d639628a6f3e5008dd4f929edf4c4124b1a7169e1048f9fef534cdf", 260_665_334)


_ZOO = "https://media.githubusercontent.com/media/opencv/opencv_zoo/f12e12798e8314f7c074a6656816c048dcc95b7a/models"
"""OpenCV's zoo keeps its files in Git LFS: elsewhere a pointer of 130 bytes is served in their place."""

_YUNET = ("8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4", 232_589)
_SFACE = ("0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79", 38_696_353)

_OPENCV_ZOO = PublishedPack(
    "opencv_zoo",
    None,
    ModelFile("face_detection_yunet_2023mar.onnx", *_YUNET, f"{_ZOO}/face_detection_yunet"),
    ModelFile("face_recognition_sface_2021dec.onnx", *_SFACE, f"{_ZOO}/face_recognition_sface"),
    dim=128,
    licence="MIT (YuNet) and Apache-2.0 (SFace)",
    terms="https://github.com/opencv/opencv_zoo, LICENSE in models/face_detection_yunet and face_recognition_sface",
    use="anyone",
    preprocessing=Preprocessing(size=112, mean=0, scale=1, colours="rgb", crop="landmarks", margin=0),
)
"""SFace takes RGB from 0 to 255 as it is (OpenCV's ``FaceRecognizerSF``); the scaling is inside the network."""


def _published(name: str, detection: ModelFile, recognition: ModelFile) -> PublishedPack:
    return PublishedPack(name, f"{_RELEASE}/{name}.zip", detection, recognition, dim=512)


PUBLISHED: Mapping[str, PublishedPack] = {
    pack.name: pack
    for pack in (
        _published("buffalo_l", ModelFile("det_10g.onnx", *_DET_10G), ModelFile("w600k_r50.onnx", *_R50)),
        _published("buffalo_m", ModelFile("det_2.5g.onnx", *_DET_25G), ModelFile("w600k_r50.onnx", *_R50)),
        _published("buffalo_s", ModelFile("det_500m.onnx", *_DET_500M), ModelFile("w600k_mbf.onnx", *_MBF)),
        _published("buffalo_sc", ModelFile("det_500m.onnx", *_DET_500M), ModelFile("w600k_mbf.onnx", *_MBF)),
        _OPENCV_ZOO,
        _published("antelopev2", ModelFile("scrfd_10g_bnkps.onnx", *_DET_10G), ModelFile("glintr100.onnx", *_R100)),
    )
}
"""By name. InsightFace's digests are those that several independent users of the release publish; OpenCV's are the
object ids of the Git LFS pointers in opencv/opencv_zoo, and several independent users publish the same."""
