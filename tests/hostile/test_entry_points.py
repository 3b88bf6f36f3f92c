"""Entry points of any distribution, which are read whatever they hold."""

from __future__ import annotations

import subprocess
import sys

import pytest

TEXTS = {
    "no section": b"a = b:c\n",
    "no value": b"[creme.models]\nx\n",
    "no target": b"[creme.models]\nx =\n",
    "not text": b"[creme.models]\n\xff\xfe = \xff\n",
    "strange names": b"[creme.models]\n../../x = a:B\n\x1b[2J = a:B\n =a:B\n",
    "sections": b"[[[[\n]]]\n[creme.models\n",
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_malformed_file_takes_nothing_down(tmp_path, name):
    metadata = tmp_path / "broken-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (metadata / "entry_points.txt").write_bytes(TEXTS[name])
    program = (
        "import sys; sys.path.append(sys.argv[1]);"
        "from creme.registry import plugins; print(sorted(plugins('model')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "'synthetic'" in done.stdout
    assert "\x1b" not in done.stderr
    if name in ("no value", "not text"):
        assert "the plugins of broken, if it has any, are left out" in done.stderr
