import os
from pathlib import Path

import pytest

from presente.machine import machine_memory

WHOLE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("memory.max", "512000000\n", 512_000_000),
        ("memory.max", "max\n", WHOLE),
        ("memory/memory.limit_in_bytes", "9223372036854771712\n", WHOLE),
        ("memory/memory.limit_in_bytes", "256000000\n", 256_000_000),
        ("other", "1", WHOLE),
    ],
)
def test_a_container_has_what_it_may_take(tmp_path: Path, name: str, text: str, expected: int) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    assert machine_memory(tmp_path) == expected
