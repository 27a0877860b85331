"""What a transaction may cost."""

import msgspec

GWEI = 10**9


class Fees(msgspec.Struct, frozen=True):
    """EIP-1559 fields of a transaction, wei per gas."""

    tip: int  # maxPriorityFeePerGas
    limit: int  # maxFeePerGas


class FeePolicy(msgspec.Struct, frozen=True):
    """How much is offered for a transaction, and how much more when it gets stuck.

    Attributes
    ----------
    tip : int
        First offered to the block's maker, wei per gas.
    cap : int
        Never offer more in all, wei per gas.
    patience : int
        Blocks after which a transaction that is in none of them is stuck.
    """

    tip: int = GWEI
    cap: int = 500 * GWEI
    patience: int = 3

    def first(self, base_fee: int) -> Fees:
        """An offer that outlasts a doubled base fee."""
        return self._capped(Fees(self.tip, 2 * base_fee + self.tip))

    def higher(self, last: Fees, base_fee: int) -> Fees | None:
        """An offer that nodes take in place of the last; None if the cap forbids it.

        Nodes ask for a tenth more of both fields, some for an eighth; this adds an eighth.
        """
        wanted = self.first(base_fee)
        raised = Fees(_eighth_more(last.tip), _eighth_more(last.limit))
        if raised.limit > self.cap:
            return None
        return self._capped(Fees(max(raised.tip, wanted.tip), max(raised.limit, wanted.limit)))

    def _capped(self, fees: Fees) -> Fees:
        limit = min(fees.limit, self.cap)
        return Fees(min(fees.tip, limit), limit)


def _eighth_more(value: int) -> int:
    return value + (value + 7) // 8
