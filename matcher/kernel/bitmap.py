"""Which ticks of a band hold orders: three levels of bits, so that the next is found at once.

A band has ``2**band_bits`` ticks, at most 2^18. Bit i of the first level stands for place i, bit j
of the second for word j of the first, bit k of the third, which is one word, for word k of the
second. The levels follow one another. `bits` is the address of the first word.
"""

from matcher.kernel.fields import set_word_bits, word_bits
from matcher.kernel.layout import NOTHING
from matcher.kernel.memory import bit, highest_bit, inlined, lowest_bit


def words_of(band_bits: int) -> int:
    """Words that the bitmap of one band takes, rounded up to whole cache lines."""
    first = 1 << (band_bits - 6)
    return (first + (first + 63) // 64 + 1 + 7) // 8 * 8


@inlined
def _sizes(band_bits: int) -> tuple[int, int]:
    """Words of the first and of the second level."""
    first = 1 << (band_bits - 6)
    return first, (first + 63) >> 6


@inlined
def _below(place: int) -> int:
    """The bits of a word that are lower than `place`."""
    return ~(-1 << (place & 63))


@inlined
def _above(place: int) -> int:
    """The bits of a word that are higher than `place`."""
    return (-1 << (place & 63)) & ~bit(place & 63)


@inlined
def word_of(bits: int, place: int) -> int:
    """Address of the word of the first level in which a place has its bit."""
    return bits + 8 * (place >> 6)


@inlined
def mark(bits: int, band_bits: int, place: int) -> None:
    """Say that a place is occupied."""
    first, second = _sizes(band_bits)
    at = word_of(bits, place)
    set_word_bits(at, word_bits(at) | bit(place & 63))
    at = bits + 8 * (first + (place >> 12))
    set_word_bits(at, word_bits(at) | bit((place >> 6) & 63))
    at = bits + 8 * (first + second)
    set_word_bits(at, word_bits(at) | bit(place >> 12))


@inlined
def unmark(bits: int, band_bits: int, place: int) -> None:
    """Say that a place is empty."""
    first, second = _sizes(band_bits)
    at = word_of(bits, place)
    left = word_bits(at) & ~bit(place & 63)
    set_word_bits(at, left)
    if left != 0:
        return
    at = bits + 8 * (first + (place >> 12))
    left = word_bits(at) & ~bit((place >> 6) & 63)
    set_word_bits(at, left)
    if left != 0:
        return
    at = bits + 8 * (first + second)
    set_word_bits(at, word_bits(at) & ~bit(place >> 12))


@inlined
def _lowest_under(bits: int, first: int, word: int) -> int:
    """The lowest place under a word of the second level that has a bit set."""
    middle = (word << 6) + lowest_bit(word_bits(bits + 8 * (first + word)))
    return (middle << 6) + lowest_bit(word_bits(bits + 8 * middle))


@inlined
def _highest_under(bits: int, first: int, word: int) -> int:
    """The highest place under a word of the second level that has a bit set."""
    middle = (word << 6) + highest_bit(word_bits(bits + 8 * (first + word)))
    return (middle << 6) + highest_bit(word_bits(bits + 8 * middle))


@inlined
def lowest(bits: int, band_bits: int) -> int:
    """The lowest occupied place; NOTHING if there is none."""
    first, second = _sizes(band_bits)
    top = word_bits(bits + 8 * (first + second))
    if top == 0:
        return NOTHING
    return _lowest_under(bits, first, lowest_bit(top))


@inlined
def highest(bits: int, band_bits: int) -> int:
    """The highest occupied place; NOTHING if there is none."""
    first, second = _sizes(band_bits)
    top = word_bits(bits + 8 * (first + second))
    if top == 0:
        return NOTHING
    return _highest_under(bits, first, highest_bit(top))


@inlined
def following(bits: int, band_bits: int, place: int) -> int:
    """The lowest occupied place above `place`; NOTHING if there is none."""
    low = place >> 6
    found = word_bits(bits + 8 * low) & _above(place)
    if found != 0:
        return (low << 6) + lowest_bit(found)
    first, second = _sizes(band_bits)
    middle = low >> 6
    found = word_bits(bits + 8 * (first + middle)) & _above(low)
    if found != 0:
        low = (middle << 6) + lowest_bit(found)
        return (low << 6) + lowest_bit(word_bits(bits + 8 * low))
    found = word_bits(bits + 8 * (first + second)) & _above(middle)
    if found != 0:
        return _lowest_under(bits, first, lowest_bit(found))
    return NOTHING


@inlined
def preceding(bits: int, band_bits: int, place: int) -> int:
    """The highest occupied place below `place`; NOTHING if there is none."""
    low = place >> 6
    found = word_bits(bits + 8 * low) & _below(place)
    if found != 0:
        return (low << 6) + highest_bit(found)
    first, second = _sizes(band_bits)
    middle = low >> 6
    found = word_bits(bits + 8 * (first + middle)) & _below(low)
    if found != 0:
        low = (middle << 6) + highest_bit(found)
        return (low << 6) + highest_bit(word_bits(bits + 8 * low))
    found = word_bits(bits + 8 * (first + second)) & _below(middle)
    if found != 0:
        return _highest_under(bits, first, highest_bit(found))
    return NOTHING
