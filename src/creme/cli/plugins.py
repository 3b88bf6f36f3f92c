"""The installed plugins, and whether they do what the toolkit expects of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from creme.cli.asking import parameters_of
from creme.cli.choices import add_table, add_values, chosen
from creme.cli.commands import Commands
from creme.errors import ConfigError, PluginError, listing, nearest

if TYPE_CHECKING:
    from creme.testing import Check

PATIENCE = 5.0
"""Seconds from which on each check is a line as it ends, where there is no terminal."""

plugins_app = Commands(help="Installed models, perturbations and tests.", no_args_is_help=False)


def plugins(context: typer.Context) -> None:
    """List what is installed, and what it lacks.

    Nothing is imported. creme plugins show has the parameters of one; --verbose also where each
    comes from.
    """
    if context.invoked_subcommand is not None:
        return
    import shutil
    import textwrap

    from creme import registry
    from creme.cli.described import first_line

    rows = []
    width = min(100, shutil.get_terminal_size().columns)
    # Plain text: a library for tables takes as long to import as all of this.
    for kind in registry.KINDS:
        if not chosen.json:
            typer.echo(f"{kind}s")
        for plugin in registry.plugins(kind).values():
            missing, about = plugin.missing(), first_line(plugin)
            source = (plugin.distribution, plugin.version)
            rows.append([kind, plugin.name, about, *source, plugin.target, missing])
            if chosen.json:
                continue
            lacks = f"  needs: pip install {' '.join(missing)}" if missing else ""
            target = f"  {plugin.target}" if chosen.verbose else ""
            typer.echo(f"  {plugin.name:24} {' '.join(source)}{target}{lacks}")
            indent = " " * 4
            for line in textwrap.wrap(
                about, width, initial_indent=indent, subsequent_indent=indent
            ):
                typer.echo(line)
    columns = ["kind", "name", "about", "distribution", "version", "target", "needs"]
    add_table("plugins", columns, rows)


def show(
    name: Annotated[str, typer.Argument(help="a model, perturbation or test")],
    kind: Annotated[
        str | None, typer.Option(help="model, perturbation or test, where a name is of several")
    ] = None,
) -> None:
    """Describe a plugin and its parameters."""
    from creme import registry
    from creme.cli.choices import add_values
    from creme.cli.described import parameter_rows, summary
    from creme.cli.terminal import out, show_table

    kind = _kind(name, kind, None)
    plugin = registry.plugins(kind)[name]
    cls = plugin.load()
    about = summary(cls)
    add_values(kind=kind, name=name, about=about, target=plugin.target)
    out.print(f"{kind} {name}, of {plugin.distribution} {plugin.version}")
    out.print(about)
    columns = ["parameter", "type", "default", "meaning"]
    rows = parameter_rows(cls)
    if rows:
        show_table("parameters", columns, rows)
    else:
        out.print("It has no parameters.")


def check(
    name: Annotated[str, typer.Argument(help="a model, perturbation or test")],
    file: Annotated[
        Path | None,
        typer.Option("--from", help="an experiment file with its parameters: [model], [[tests]]"),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE of a parameter, as in the file; may be repeated"),
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="model, perturbation or test, where a name is of several")
    ] = None,
    example: Annotated[
        Path | None,
        typer.Option(help=".npz with a known 'sequence' (letters) and its 'expected' prediction"),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--check", help="run this check by its name alone; may be repeated"),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(min=0, help="for all checks; those that are not done by then count as failed"),
    ] = None,
) -> None:
    """Check that a plugin does what is expected of it.

    The exit status is 1 where a check fails."""

    from creme.cli.terminal import display, out, show_table
    from creme.testing.checks import outcomes

    began = time.monotonic()

    kind = _kind(name, kind, file)
    make = maker(kind, name, file, parameters_of(settings or []))
    described = make()
    checks = _checks(kind, described)
    if example is not None:
        if kind != "model":
            raise ConfigError("--example is for models: others have no predictions")
        checks.append(_example(example))
    checks = _chosen(checks, only)
    shown, results = display(), []
    with shown.status("") as status:
        coming = outcomes(checks, make, seconds=seconds)
        for number, each in enumerate(checks, start=1):
            at = f"{number} of {len(checks)}: {each}"
            status.update(at)
            results.append(next(coming))
            if not shown.is_terminal and time.monotonic() - began > PATIENCE:
                shown.print(f"{at}: {results[-1].state} ({results[-1].seconds:.1f} s)")
    rows: list[list[Any]] = [
        [str(each.check), each.check.about, ": ".join(filter(None, (each.state, each.reason)))]
        for each in results
    ]
    columns = ["check", "what has to hold", "result"]
    if chosen.json:
        further = ([each.state, each.reason, round(each.seconds, 3)] for each in results)
        rows = [row + more for row, more in zip(rows, further, strict=True)]
        add_table("checks", [*columns, "state", "reason", "seconds"], rows)
        add_values(checked=repr(described))
    else:
        show_table("checks", columns, rows, repr(described))
    failed = sum(each.is_bad for each in results)
    if failed:
        out.print(f"{failed} of {len(checks)} checks failed.")
        raise typer.Exit(1)


def _kind(name: str, kind: str | None, file: Path | None) -> str:
    """The one kind of plugin that has the name: where several have, the one that a file has."""
    from creme import registry

    if kind is not None:
        if kind not in registry.KINDS:
            raise ConfigError(f"--kind {kind}: give one of {listing(registry.KINDS)}")
        return kind
    kinds = [each for each in registry.KINDS if name in registry.plugins(each)]
    if file is not None and (len(kinds) > 1 or name == registry.PYTHON):
        tables = _read(file)
        kinds = [each for each in registry.KINDS if _table(tables, each, name)] or kinds
    if len(kinds) > 1:
        raise ConfigError(f"{name!r} is a {', a '.join(kinds)}: choose with --kind")
    if not kinds:
        everything = [each for kind in registry.KINDS for each in registry.plugins(kind)]
        raise PluginError(
            f"nothing is called {name!r}{nearest(name, everything)}; 'creme plugins' lists what is "
            f"installed"
        )
    return kinds[0]


def _read(file: Path) -> dict[str, Any]:
    from creme.files.small import parse_toml
    from creme.runner.toml_file import read_text

    return parse_toml(read_text(file), str(file))


def maker(kind: str, name: str, file: Path | None, changes: dict[str, Any]) -> Callable[[], Any]:
    """A function that makes the plugin anew, from the tables of a file and changes to them."""
    from creme import file_plugins, registry
    from creme.runner.experiment import build_model

    folder, table = Path(), {} if kind == "model" else {"name": name}
    if file is not None:
        folder, table = file.parent, _table(_read(file), kind, name)
        if not table:
            raise ConfigError(f"{file} has no {kind} {name!r}")
    if kind == "model":
        model = {**table, "plugin": name, **changes}
        return lambda: build_model(model, folder)[0]
    spec = {**table, **changes}
    spec.pop("label", None)
    return lambda: registry.create(kind, file_plugins.resolved(spec, folder))


def _table(tables: dict[str, Any], kind: str, name: str) -> dict[str, Any]:
    """The table of a plugin in an experiment or study file; empty where there is none.

    That of a perturbation is the first that one of the tests uses.
    """
    model, tests = tables.get("model"), tables.get("tests", [])
    if kind == "model":
        return model if isinstance(model, dict) and model.get("plugin") == name else {}
    tests = [test for test in tests if isinstance(test, dict)]
    for table in tests if kind == "test" else [test.get("perturbation") for test in tests]:
        if table == name:
            return {"name": name}
        if isinstance(table, dict) and table.get("name") == name:
            return table
    return {}


def _checks(kind: str, described: Any) -> list[Check]:
    """All checks of a kind, and of a model by windows those of its windows."""
    from creme.adapters.split import SplitModel
    from creme.testing import Check, model_checks, perturbation_checks, test_checks

    of = {"model": model_checks, "perturbation": perturbation_checks, "test": test_checks}
    if not isinstance(described, SplitModel):
        return of[kind]()
    from creme.testing.split import check_split

    def windows(make: Callable[[], Any]) -> None:
        """Predicted by windows, it gives what it gives in full."""
        check_split(make)

    return [*of[kind](), Check(windows)]


def _chosen(checks: list[Check], names: list[str] | None) -> list[Check]:
    """Those of the checks that have these names; all where none is given."""
    there = {str(each): each for each in checks}
    for name in names or ():
        if name not in there:
            raise ConfigError(
                f"--check {name}: there is no such check{nearest(name, there)}; they are "
                f"{', '.join(there)}"
            )
    return [there[name] for name in dict.fromkeys(names)] if names else checks


def _example(path: Path) -> Check:
    """The check of an example in a file."""
    import numpy as np

    from creme.testing import Check, check_example

    try:
        with np.load(path, allow_pickle=False) as arrays:
            sequence, expected = str(arrays["sequence"].item()), arrays["expected"]
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(
            f"--example {path}: an .npz is needed with 'sequence', its letters, and 'expected', an "
            f"array (bins, tracks): {error}"
        ) from None

    def example(make: Callable[[], Any]) -> None:
        """The known sequence gives its known prediction."""
        check_example(make, sequence, expected)

    return Check(example)


plugins_app.add_itself(
    plugins,
    """
creme plugins
creme plugins --json
""",
)
plugins_app.add(
    show,
    """
creme plugins show necessity
creme plugins show synthetic --json
""",
)
plugins_app.add(
    check,
    """
creme plugins check necessity
creme plugins check mask --set start=10 --set end=20
# with the parameters of a file
creme plugins check seqnn --from experiment.toml
# one check by its name, and for no longer than a minute
creme plugins check seqnn --from experiment.toml \\
    --check position --seconds 60
""",
)
