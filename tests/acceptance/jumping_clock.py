"""Runs a Python program whose clock is wrong by as many seconds as a file says, at every moment.

python jumping_clock.py FILE PYTHON -m MODULE ARGUMENT..."""

import runpy
import sys
import time
from pathlib import Path

offset, module = Path(sys.argv[1]), sys.argv[4]
right = time.time
time.time = lambda: right() + float(offset.read_text())
sys.argv = sys.argv[4:]
runpy.run_module(module, run_name="__main__", alter_sys=True)
