"""Types that threads parse: msgspec describes each when it is first parsed, and two threads at once crash it."""

from pathlib import Path

import pytest

from tests import programs
from tests.conftest import ROOT

LOOK = """
import msgspec
from msgspec import _utils
{imports}
kinds = list({kinds})
assert len(kinds) > {least}, len(kinds)
described, describe = [], _utils._get_class_mro_and_typevar_mappings
def noted(kind):
    described.append(kind)
    return describe(kind)
_utils._get_class_mro_and_typevar_mappings = noted
for kind in kinds:
    msgspec.json.Decoder(kind)
assert not described, described
class Probe(msgspec.Struct):
    number: int
msgspec.json.Decoder(Probe)
assert described == [Probe]
"""
SERVER = """
from server.app import create_app
from server.service import ServiceHandle
from tests.server.route_types import request_types
create_app(ServiceHandle(), 1)
"""
IMPORTS = "from server.imports.values import ImportPlan, ImportRun, RowOutcome"
CLIENT = """
from client.errors import _ProblemJson
from client.replies import Reply
import client.unknown_replies
"""


@pytest.mark.parametrize(
    ("imports", "kinds", "least"),
    [
        (SERVER, "request_types()", 40),
        (IMPORTS, "(ImportPlan, ImportRun, RowOutcome)", 2),
        (CLIENT, "[_ProblemJson, *Reply.__subclasses__()]", 20),
    ],
    ids=["requests", "imports", "client"],
)
def test_types_are_described_before_threads_parse_them(imports: str, kinds: str, least: int, tmp_path: Path) -> None:
    """In an interpreter of its own, where nothing has parsed them before."""
    code = LOOK.format(imports=imports, kinds=kinds, least=least)
    done = programs.fresh(["-c", code], tmp_path, {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr[-3000:]
