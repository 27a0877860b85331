"""Colors: one for each group of components wherever it appears, and a few for variants.

Chosen from schemes that are safe for color-blind readers (Paul Tol's, Okabe and Ito's), with
neighbors in a stack apart in lightness. The floor and the refund are told by pattern, not color.
"""

from __future__ import annotations

from gaslab.components import GROUPS

# Group -> (light page, dark page).
_GROUP = {
    "intrinsic": ("#9aa0a8", "#7d848d"),
    "calldata": ("#e0b83c", "#e3c05a"),
    "storage reads": ("#7cc4ea", "#7cc4ea"),
    "storage writes": ("#2166ac", "#4a90d2"),
    "state growth": ("#3b2a86", "#9382e0"),
    "transient": ("#2fa597", "#3fb8a9"),
    "memory": ("#117a3d", "#43a866"),
    "hashing": ("#a3a328", "#c2c04a"),
    "logs": ("#f29ba6", "#f2a3ad"),
    "calls": ("#aa4499", "#c76bb8"),
    "creation": ("#7e1f52", "#b3527f"),
    "computation": ("#d0634d", "#df7a64"),
    "burned": ("#26262a", "#d6d6dc"),
    "floor top-up": ("#b28600", "#e3c05a"),
    "refund": ("#3c8f5a", "#6cc48a"),
}

# Of the page: name -> (light, dark).
_PAGE = {
    "paper": ("#fdfcf9", "#15171b"),
    "card": ("#ffffff", "#1b1e23"),
    "ink": ("#1c1e22", "#e9e7e1"),
    "soft": ("#5d636c", "#a1a6af"),
    "line": ("#e2dfd6", "#31353c"),
    "wash": ("#f4f1e9", "#20242a"),
    "accent": ("#0a5e73", "#6cc3d8"),
    "between": ("#1c1e220d", "#e9e7e114"),
    "floor-fill": ("#e0b83c22", "#e3c05a26"),
    "refund-fill": ("#3c8f5a33", "#6cc48a33"),
    "field-0": ("#cfe3f1", "#24435c"),
    "field-1": ("#f3e2b3", "#54461c"),
    "field-2": ("#d3e8d2", "#27482f"),
    "field-3": ("#ecd3e4", "#4d2f45"),
    "lost": ("#f1e9e4", "#2a2523"),
    "lost-line": ("#d5c5bb", "#4a403b"),
}

# The baseline first: neutral, so that the techniques stand out.
_VARIANT = (
    ("#6b7078", "#a4aab3"),
    ("#0072b2", "#56a9e0"),
    ("#c8500a", "#f08a4b"),
    ("#008a63", "#3cc79c"),
    ("#a8558f", "#dc8fc4"),
    ("#8a6d00", "#d9bf3c"),
    ("#4a3aa7", "#9a8df0"),
    ("#b0243c", "#ef7286"),
)
VARIANTS = len(_VARIANT)


def group_class(group: str) -> str:
    """``g-storage-writes``: the class of everything that is drawn for a group."""
    return "g-" + group.replace(" ", "-")


def variant_class(index: int) -> str:
    """``v-0`` is the baseline's."""
    return f"v-{index if index < VARIANTS else 1 + (index - 1) % (VARIANTS - 1)}"


def variables(dark: bool) -> str:
    """The colors as CSS custom properties."""
    side = int(dark)
    names = [f"--{group_class(name)}:{_GROUP[name][side]}" for name in GROUPS]
    names += [f"--v-{index}:{pair[side]}" for index, pair in enumerate(_VARIANT)]
    names += [f"--{name}:{pair[side]}" for name, pair in _PAGE.items()]
    return ";".join(names)


def rules() -> str:
    """What makes the classes take their colors."""
    lines = [
        f".{group_class(name)}{{fill:var(--{group_class(name)});"
        f"background-color:var(--{group_class(name)})}}"
        for name in GROUPS
    ]
    lines += [
        f".v-{index}{{fill:var(--v-{index});stroke:var(--v-{index});"
        f"background-color:var(--v-{index})}}"
        for index in range(VARIANTS)
    ]
    return "\n".join(lines)
