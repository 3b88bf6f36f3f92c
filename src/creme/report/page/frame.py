"""The rights and the style sheet of a page, and the files that pages are made of."""

from __future__ import annotations

from importlib.resources import files

from creme.report.page.encode import Html, digest
from creme.report.style import BLUE, GREEN, ORANGE, PALETTE, PURPLE, SKY, VERMILION

_OF_CRES = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY)


def policy(style: str, script: str | None = None) -> Html:
    """The page's rights: to run its own script and style, and nothing with a network.

    Attributes of style are what drawings are made of, hence their 'unsafe-inline'.
    """
    rules = (
        "default-src 'none'",
        f"script-src {digest(script)}" if script is not None else "script-src 'none'",
        f"style-src-elem {digest(style)}",
        "style-src-attr 'unsafe-inline'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return Html("; ".join(rules))


def style_sheet() -> str:
    """The style sheet, with the figures' colours."""
    names = ("enhancing", "neutral", "silencing", "enhancer", "silencer", "necessity",
             "sufficiency", "additive")  # fmt: skip
    colours = "".join(f"--{name}:{PALETTE[name]};" for name in names)
    colours += "".join(f"--c{k}:{colour};" for k, colour in enumerate(_OF_CRES))
    return f":root{{{colours}}}\n{asset('page.css')}"


def asset(name: str) -> str:
    """The text of a file in ``assets``."""
    return (files("creme.report.page") / "assets" / name).read_text(encoding="utf-8")
