"""Sphinx: the site of the documentation. `make docs` builds it, with warnings as errors."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent / "src")]

import creme  # noqa: E402

project = "creme-toolkit"
author = "the authors of creme-toolkit"
project_copyright = "MIT licence"
version = release = creme.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "outside_links",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "_ext", "**/.ipynb_checkpoints"]

# Links to headings are those of a code host, so that one page serves both.
myst_heading_anchors = 4
myst_enable_extensions = ["attrs_block", "colon_fence", "dollarmath"]
# Notebooks are shown as they are kept: a test runs them, and compares what they print.
nb_execution_mode = "off"

autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
# The machine that builds may have no network: links to other projects' pages are left out.
intersphinx_mapping: dict[str, tuple[str, None]] = {}
suppress_warnings = [
    "myst.strikethrough",
    # Code that is no whole program: fields of a file, or a shell's prompt.
    "misc.highlighting_failure",
]

html_theme = "furo"
html_title = f"creme-toolkit {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
copybutton_prompt_text = "$ "
copybutton_exclude = ".linenos, .gp, .go"
templates_path: list[str] = []
