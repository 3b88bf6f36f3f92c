"""Reading the options of one block of ``params.json``, with an error for whatever is not known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from creme.errors import ConfigError, listing, nearest

# What shapes only the training: it changes no output of a trained network.
TRAINING_ONLY = frozenset(
    {
        "attention_dropout",
        "bn_momentum",
        "dropout",
        "dropout_residual",
        "kernel_initializer",
        "l1_scale",
        "l2_scale",
        "mha_initializer",
        "mha_l2_scale",
        "norm_gamma",
        "position_dropout",
    }
)

MOST = 1 << 24
"""More than a length in bp, a number of channels or a factor is in any network."""

MOST_LAYERS = 1000

_MISSING: Any = object()


class Options:
    """The options of one block, each to be read once.

    Parameters
    ----------
    where : str
        The layer that the options belong to, for messages.
    values : mapping
        The block as it stands in the file.
    defaults : mapping
        Values that hold where the block says nothing (the model's own settings).
    ignored : iterable of str
        Options that the block accepts without effect.
    """

    def __init__(
        self,
        where: str,
        values: Mapping[str, Any],
        defaults: Mapping[str, Any] | None = None,
        ignored: frozenset[str] = frozenset(),
    ) -> None:
        self.where = where
        self._written = values
        self._values = {**(defaults or {}), **values}
        self._ignored = TRAINING_ONLY | ignored
        self._supported: set[str] = set()

    def _read(self, key: str, default: Any) -> Any:
        self._supported.add(key)
        value = self._values.get(key, default)
        if value is _MISSING:
            raise ConfigError(f"{self.where} lacks the option {key!r}.")
        return value

    def integer(
        self, key: str, default: Any = _MISSING, minimum: int = 1, maximum: int = MOST
    ) -> Any:
        """A whole number from `minimum` to `maximum`, or `default`."""
        value = self._read(key, default)
        if value is default:
            return value
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
            raise ConfigError(
                f"{self.where}: {key!r} is {value!r}; it must be a whole number"
                f" from {minimum} to {maximum}."
            )
        return value

    def number(self, key: str, default: Any = _MISSING) -> Any:
        """A positive number, or `default`."""
        value = self._read(key, default)
        if value is default:
            return value
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MOST:
            raise ConfigError(
                f"{self.where}: {key!r} is {value!r}; it must be a positive number, of at"
                f" most {MOST}."
            )
        return value

    def flag(self, key: str, default: bool | None) -> Any:
        """True or false, or `default`."""
        value = self._read(key, default)
        if value is not default and not isinstance(value, bool):
            raise ConfigError(f"{self.where}: {key!r} is {value!r}; it must be true or false.")
        return value

    def choice(self, key: str, default: Any, allowed: Mapping[Any, Any]) -> Any:
        """One of the keys of `allowed`, answered with what it stands for there."""
        value = self._read(key, default)
        if isinstance(value, list | dict) or value not in allowed:
            raise ConfigError(
                f"{self.where}: {key!r} is {value!r}; supported are"
                f" {listing([repr(name) for name in allowed], limit=20)}."
            )
        return allowed[value]

    def fixed(self, **supported: Any) -> None:
        """Options that may be given, but for which there is one supported value only."""
        for key, only in supported.items():
            value = self._read(key, only)
            if type(value) is not type(only) or value != only:
                raise ConfigError(
                    f"{self.where}: {key!r} is {value!r}; only {only!r} is supported."
                )

    def finish(self) -> None:
        """Raise where the block holds an option that nobody read."""
        for key in self._written:
            if key not in self._supported and key not in self._ignored:
                raise ConfigError(
                    f"{self.where}: the option {key!r} is not supported"
                    f"{nearest(key, self._supported)}; supported are "
                    f"{listing(sorted(self._supported), 40)}."
                )
