"""The processor that a model predicts with."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def with_processor(environment: Mapping[str, Any]) -> dict[str, Any]:
    """A model's environment, with the processor's name where no GPU is named."""
    whole = dict(environment)
    if whole.get("device", "cpu") in ("cpu", "auto"):
        whole["processor"] = _processor()
    return json.loads(json.dumps(whole, default=str))


def _processor() -> str:
    """The name of the processor, or as much as the system says of it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
