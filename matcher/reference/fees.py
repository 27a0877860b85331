"""Fees of a fill (section 5)."""


def fee(rate: int, lots: int, notional: int) -> int:
    """Atoms that one side of a fill pays; negative: a rebate.

    Never more than an eighth of the notional, either way; always the floor of a non-negative
    number, so that no two languages round it differently.

    Parameters
    ----------
    rate : int
        Atoms per lot, signed.
    lots : int
    notional : int
        ``tick * lots * tickValue``, atoms.
    """
    if rate >= 0:
        return min(lots * rate, notional // 8)
    return -min(lots * -rate, notional // 8)
