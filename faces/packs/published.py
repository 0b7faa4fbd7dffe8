"""InsightFace's published packs: addresses, files with their SHA-256, and terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_RELEASE = "https://github.com/deepinsight/insightface/releases/download/v0.7"
_RESEARCH_ONLY = "InsightFace pretrained models: non-commercial research purposes only"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One ONNX file of a published pack: its name in the archive, SHA-256 (hex) and size in bytes."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class PublishedPack:
    """A pack that can be pulled: the archive's address, the two files wanted from it, and its terms."""

    name: str
    url: str
    detection: ModelFile
    recognition: ModelFile
    dim: int
    licence: str = _RESEARCH_ONLY


_DET_10G = ("5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91", 16_923_827)
_DET_25G = ("041f73f47371333d1d17a6fee6c8ab4e6aecabefe398ff32cca4e2d5eaee0af9", 3_292_009)
_DET_500M = ("5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a", 2_524_817)
_R50 = ("4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43", 174_383_860)
_MBF = ("9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f", 13_616_099)
_R100 = ("4ab1d6435d639628a6f3e5008dd4f929edf4c4124b1a7169e1048f9fef534cdf", 260_665_334)


def _published(name: str, detection: ModelFile, recognition: ModelFile) -> PublishedPack:
    return PublishedPack(name, f"{_RELEASE}/{name}.zip", detection, recognition, dim=512)


PUBLISHED: Mapping[str, PublishedPack] = {
    pack.name: pack
    for pack in (
        _published("buffalo_l", ModelFile("det_10g.onnx", *_DET_10G), ModelFile("w600k_r50.onnx", *_R50)),
        _published("buffalo_m", ModelFile("det_2.5g.onnx", *_DET_25G), ModelFile("w600k_r50.onnx", *_R50)),
        _published("buffalo_s", ModelFile("det_500m.onnx", *_DET_500M), ModelFile("w600k_mbf.onnx", *_MBF)),
        _published("buffalo_sc", ModelFile("det_500m.onnx", *_DET_500M), ModelFile("w600k_mbf.onnx", *_MBF)),
        _published("antelopev2", ModelFile("scrfd_10g_bnkps.onnx", *_DET_10G), ModelFile("glintr100.onnx", *_R100)),
    )
}
"""By name. Digests are those that several independent users of the release publish."""
