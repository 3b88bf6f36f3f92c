"""The pages of classes and functions, a page for each room that others use."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from reference_pages import first_sentence, page, table

SOURCE = Path(__file__).resolve().parents[2] / "src" / "creme"

ROOMS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "contracts": (
        "Models, perturbations, tests",
        "The bases of the three kinds of plugin, and what they are made of.",
        ("model", "grid", "heads", "selection", "readout", "tracks", "perturbation", "test",
         "sequence", "tiling", "parameters", "seeds", "registry", "errors"),
    ),
    "python": (
        "Running from Python",
        "The functions and objects that [CREME in Python](../../python.md) uses.",
        ("api", "runner/experiment", "study/study", "runner/planned_run", "results/view",
         "results/provenance", "results/experiment_view", "study/view"),
    ),
    "genome": (
        "Genome and loci",
        "FASTA and annotation to loci. Coordinates are 0-based and half-open.",
        ("genome/*",),
    ),
    "suite": ("Tests of the suite", "A class for each CREME test.", ("suite/*",)),
    "perturbations": (
        "Perturbations",
        "A class for each perturbation.",
        ("perturbations/*",),
    ),
    "models": ("Models of the core", "Further models are plugins.", ("models/*", "demo/*")),
    "adapters": (
        "Bringing a model",
        "Bases and helpers for those who write a model plugin.",
        ("adapters/*",),
    ),
    "analysis": (
        "Analysis",
        "Functions of results alone: none of them predicts.",
        ("analysis/*",),
    ),
    "motifs": (
        "Motifs",
        "Instances of motifs in a genome, and names for what matters in saturation mutagenesis.",
        ("motifs/*",),
    ),
    "report": (
        "Figures",
        "Each function draws one figure; [the figures](../../figures.md) compares them with the "
        "paper.",
        ("report/*",),
    ),
    "export": ("Export", "Results for other programs.", ("export/*",)),
    "benchmark": (
        "Known truth",
        "Tests of the suite against a model whose truth is known.",
        ("benchmark/*",),
    ),
    "scorecards": (
        "Scorecards",
        "A fixed panel of loci and questions, and the cards of models.",
        ("scorecards/*",),
    ),
    "store": ("The store", "Predictions and their index.", ("store/store",)),
    "testing": ("Checks for plugins", "Functions that a plugin's own tests call.", ("testing/*",)),
}  # fmt: skip
"""By file: title, a sentence, and modules."""

INNER = (
    *("cli/", "engines/", "files/", "inference/", "kernels/", "report/page/", "results/"),
    *("runner/", "store/", "study/"),
    *("codes.py", "file_plugins.py", "fingerprint.py", "kinds.py", "lazy.py", "moved.py"),
    *("interrupts.py", "packages.py", "passwords.py", "rounding.py"),
)
"""Folders and modules that are the toolkit's own business; docs/design.md describes them."""


def modules(patterns: tuple[str, ...]) -> Iterator[Path]:
    """The modules of a room that define something public."""
    for pattern in patterns:
        paths = sorted(SOURCE.glob(f"{pattern}.py"))
        if not paths:
            raise LookupError(f"no module {pattern}: correct ROOMS in docs/_ext/api_pages.py")
        yield from (path for path in paths if public(path))


def public(path: Path) -> list[tuple[str, str, str]]:
    """Kind, name and first words of the public classes and functions that a module defines."""
    return [
        (
            "class" if isinstance(node, ast.ClassDef) else "function",
            node.name,
            first_sentence(ast.get_docstring(node)),
        )
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
        and not node.name.startswith("_")
        and not _overload(node)
    ]


def _overload(node: ast.ClassDef | ast.FunctionDef) -> bool:
    return any(isinstance(each, ast.Name) and each.id == "overload" for each in node.decorator_list)


def dotted(path: Path) -> str:
    """The name that a module is imported by."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(["creme", *(part for part in parts if part != "__init__")])


def api_pages() -> dict[str, str]:
    """The list of all rooms, and a page for each."""
    made, lists = {}, []
    for name, (title, sentence, patterns) in ROOMS.items():
        parts = []
        for path in modules(patterns):
            module = dotted(path)
            rows = []
            for kind, what, words in public(path):
                if not words:
                    raise LookupError(f"{module}.{what} has no docstring")
                rows.append((f"`{what}`", kind, words))
            about = first_sentence(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))))
            parts += [f"## `{module}`\n", f"{about}\n", table(("name", "kind", "in short"), rows)]
            parts.append(
                f"<!-- autodoc {module} {' '.join(what for _, what, _ in public(path))} -->\n"
            )
        made[f"reference/api/{name}.md"] = page(title, sentence, parts)
        lists.append(f"- [{title}](api/{name}.md): {sentence[:1].lower()}{sentence[1:]}")
    text = (
        "The classes and functions that a user, or the author of a plugin, calls. On the site each "
        "has its whole docstring: shapes, types, units, errors. The names in `creme` itself are "
        "listed at the end of [CREME in Python](../python.md#the-names-in-creme). Rooms that are "
        "not listed here serve the toolkit alone; [the design](../design.md#layout) describes them."
    )
    lists = [line.replace("(../../", "(../") for line in lists]
    made["reference/api.md"] = page(
        "Classes and functions", text, ["<!-- contents -->\n", "\n".join(lists), ""]
    )
    return made
