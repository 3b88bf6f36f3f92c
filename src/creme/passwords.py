"""Passwords stay out of all that is kept or shown: copies of files, pages, errors."""

from __future__ import annotations

import re

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""A variable of the environment in a text."""

HIDDEN = "***"
"""Stands in a password's place."""

# Up to the last @ before a space, a quotation mark or the end: a password may hold an @ itself.
_OF_A_USER = re.compile(r"([A-Za-z][\w+.-]*://[^\s:/?#@'\"]*):([^\s'\"]*)@")
_AS_A_SETTING = re.compile(r"(?i)([?&\s](?:ssl)?password=)('[^']*'|[^\s&'\"]+)")


def masked(text: str) -> str:
    """A text without the passwords of the URLs in it; a variable in one's place is none."""

    def hidden(one: re.Match[str]) -> str:
        return one[2] if VARIABLE.fullmatch(one[2]) else HIDDEN

    text = _OF_A_USER.sub(lambda one: f"{one[1]}:{hidden(one)}@", text)
    return _AS_A_SETTING.sub(lambda one: f"{one[1]}{hidden(one)}", text)
