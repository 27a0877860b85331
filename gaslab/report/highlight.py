"""Solidity with comments, keywords and literals told apart; prose with code in it."""

from __future__ import annotations

import re

from markupsafe import Markup, escape
from pygments.lexers.solidity import SolidityLexer  # type: ignore[import-untyped]
from pygments.token import Token  # type: ignore[import-untyped]

_CLASSES = (
    (Token.Comment, "hc"),
    (Token.Keyword, "hk"),
    (Token.Literal, "hn"),
    (Token.Name.Function, "hf"),
)


def solidity(source: str) -> Markup:
    """Source as markup; everything in it is escaped."""
    parts: list[tuple[str, str]] = []
    for kind, text in SolidityLexer(stripnl=False).get_tokens(source):
        name = next((name for token, name in _CLASSES if kind in token), "")
        if parts and (parts[-1][0] == name or not text.strip()):
            parts[-1] = (parts[-1][0], parts[-1][1] + text)
        else:
            parts.append((name, text))
    return Markup("").join(
        Markup(f'<span class="{name}">{escape(text)}</span>') if name else escape(text)
        for name, text in parts
    )


def prose(text: str) -> Markup:
    """Text in which what stands between backticks is code, and a percentage stays on its line.

    >>> prose("each `a < b` counts")
    Markup('each <code>a &lt; b</code> counts')
    """
    shown = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(shown.replace(" %", "\N{NO-BREAK SPACE}%"))
