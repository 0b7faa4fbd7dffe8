"""What the requirements files pin."""

import re

from packaging.utils import canonicalize_name

from tests.conftest import ROOT


def pinned(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pairs = (re.fullmatch(r"([A-Za-z0-9._-]+)==([^ ;]+)", line.strip()) for line in lines)
    found: dict[str, str] = {canonicalize_name(pair[1]): pair[2] for pair in pairs if pair}
    assert len(found) == sum(bool(line.strip()) and not line.startswith("#") for line in lines), "an inexact pin"
    return found
