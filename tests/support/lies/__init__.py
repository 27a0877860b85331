"""The liar's catalogue: every lie there is, each the smallest change of an honest batch."""

from tests.support.liar import Lie
from tests.support.lies import malformed, margins, ops, roots, signatures, widths

LIES: dict[str, Lie] = {
    lie.name: lie
    for module in (malformed, ops, widths, roots, margins, signatures)
    for lie in module.TABLE.lies
}
