"""The command line in a process of its own."""

from __future__ import annotations

import sys

CREME = [sys.executable, "-c", "from creme.cli import main; main()"]
