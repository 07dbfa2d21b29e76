"""Print a committed validation as text, as the command that made it did.

usage: python docs/validation/show.py REPORT.json
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from weft.real_runs.suite_result import SuiteResult
from weft.suite_text import render

if __name__ == "__main__":
    print(render(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=SuiteResult)), end="")
