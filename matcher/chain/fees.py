"""What a transaction may cost."""

import msgspec

GWEI = 10**9


class Fees(msgspec.Struct, frozen=True):
    """EIP-1559 fields of a transaction, wei per gas."""

    tip: int  # maxPriorityFeePerGas
    limit: int  # maxFeePerGas
    blob: int = 0  # maxFeePerBlobGas; 0 without blobs


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
    blob_cap : int
        Never offer more for blob gas, wei.
    """

    tip: int = GWEI
    cap: int = 500 * GWEI
    patience: int = 3
    blob_cap: int = 500 * GWEI

    def first(self, base_fee: int, blob_fee: int | None = None) -> Fees:
        """An offer that outlasts a doubled base fee; with blobs, a doubled price of theirs."""
        blob = 0 if blob_fee is None else 2 * blob_fee + 1
        return self._capped(Fees(self.tip, 2 * base_fee + self.tip, blob))

    def higher(self, last: Fees, base_fee: int, blob_fee: int | None = None) -> Fees | None:
        """An offer that nodes take in place of the last; None if a cap forbids it.

        Nodes ask for a tenth more of both fields, some for an eighth; this adds an eighth. Where
        there are blobs they ask for twice as much of everything.
        """
        wanted = self.first(base_fee, blob_fee)
        more = _twice if last.blob else _eighth_more
        raised = Fees(more(last.tip), more(last.limit), more(last.blob))
        if raised.limit > self.cap or raised.blob > self.blob_cap:
            return None
        pairs = zip(msgspec.structs.astuple(raised), msgspec.structs.astuple(wanted), strict=True)
        return self._capped(Fees(*map(max, pairs)))

    def _capped(self, fees: Fees) -> Fees:
        limit = min(fees.limit, self.cap)
        return Fees(min(fees.tip, limit), limit, min(fees.blob, self.blob_cap))


def _twice(value: int) -> int:
    return 2 * value


def _eighth_more(value: int) -> int:
    return value + (value + 7) // 8
