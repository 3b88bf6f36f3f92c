"""Commands that all have some options in common, and examples in their help."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import typer

from creme.cli.choices import chosen
from creme.interrupts import STOPPED

Json = Annotated[
    bool,
    typer.Option("--json", help="print one JSON document (docs/commands.md); messages on stderr"),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="no progress, notes and warnings; errors stay")
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="more of what it does, and every failure")
]
Debug = Annotated[bool, typer.Option("--debug", help="show the traceback of an error")]

_SETTINGS = {"help_option_names": ["--help", "-h"]}
_COMMON = {"json": Json, "quiet": Quiet, "verbose": Verbose, "debug": Debug}


class Commands(typer.Typer):
    """A group of commands, each with examples and with what all have in common.

    Parameters
    ----------
    **settings
        As of `typer.Typer`.
    """

    def __init__(self, **settings: Any) -> None:
        every: dict[str, Any] = {"no_args_is_help": True, "context_settings": _SETTINGS}
        super().__init__(
            pretty_exceptions_enable=False, rich_markup_mode=None, **(every | settings)
        )

    def add(
        self, function: Callable[..., Any], examples: str, name: str | None = None
    ) -> Callable[..., Any]:
        """Add a command.

        Parameters
        ----------
        function : callable
            Its parameters are those of the command, its docstring the help.
        examples : str
            Lines as one types them, at most 60 letters long; those that begin with ``#`` say what
            the next is for.
        name : str, optional
            That of the function unless given.
        """
        return self.command(name, epilog=_epilog(examples))(with_common(function))

    def add_itself(self, function: Callable[..., Any], examples: str) -> None:
        """Add what the group does where no command of it is named."""
        add = self.callback(invoke_without_command=True, epilog=_epilog(examples))
        add(with_common(function))


def with_common(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function with the options that every command has, which are noted before it is called."""
    hints = get_type_hints(function, include_extras=True)
    parameters = [
        each.replace(annotation=hints[each.name])
        for each in inspect.signature(function).parameters.values()
    ]
    has_context = "context" in hints
    kinds = _COMMON if has_context else {"context": typer.Context, **_COMMON}

    @functools.wraps(function)
    def command(*, context: typer.Context, **options: Any) -> Any:
        for name in _COMMON:
            # Of a group and of its command: one of the two is enough.
            setattr(chosen, name, options.pop(name) or getattr(chosen, name))
        chosen.command = context.command_path
        try:
            return function(**options, **({"context": context} if has_context else {}))
        except KeyboardInterrupt:  # typer would end it without a word
            from creme.cli.terminal import err

            err.print("Stopped.")
            raise typer.Exit(STOPPED) from None

    parameters += [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if name == "context" else False,
            annotation=kind,
        )
        for name, kind in kinds.items()
    ]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    del command.__wrapped__  # its annotations would be read instead
    return command


def _epilog(examples: str) -> str:
    r"""Examples as the help shows them; the mark \b keeps their lines."""
    lines = "\n".join(f"  {line}" for line in examples.strip().splitlines())
    return f"Examples:\n\n\b\n{lines}"
