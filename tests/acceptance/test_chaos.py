"""A short play of `chaos`: the long one is `make chaos`."""

import random
import sys
from pathlib import Path

import pytest

from tests.acceptance.chaos import play


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.timeout(150)
async def test_a_server_that_is_killed_keeps_its_promises(tmp_path: Path) -> None:
    random.seed(1)
    figures = await play(tmp_path, kills=2, at_once=10)
    assert [] == figures.faults
    assert 2 == figures.kills
    assert 10 <= figures.runs
