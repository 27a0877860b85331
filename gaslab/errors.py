"""What the lab raises on purpose.

::

    GasLabError
    |-- InputError            a value that a file, an option or a call may not have
    |-- CompileError          solc refuses the source
    |-- TransactionRefused    a transaction that no chain under the schedule would include
    |-- Reverted              a measured step failed that should not
    |-- NotEquivalent         variants that do not behave alike
    |-- OverTheCap            a transaction needs more gas than the schedule allows one
    |-- EngineMissing         a crosscheck engine that is not installed
    `-- MeterBroken           the components do not sum to the gas: a fault of the lab itself
"""


class GasLabError(Exception):
    """Base of everything the lab raises on purpose."""


class InputError(GasLabError):
    """A value that is not allowed where it stands.

    Attributes
    ----------
    field : str
        Path of the field as its author wrote it, e.g. ``variant[1].contract``.
    found : str
        What stood there (shortened).
    allowed : str
        What may stand there.
    """

    def __init__(self, field: str, found: object, allowed: str):
        text = found if isinstance(found, str) else repr(found)
        self.field = field
        self.found = text if len(text) <= 120 else text[:117] + "..."
        self.allowed = allowed
        super().__init__(f"{field}: found {self.found}, allowed {allowed}")


class CompileError(GasLabError):
    """The compiler's own messages, its first error first."""


class TransactionRefused(GasLabError):
    """A transaction that a block under this schedule could not hold."""


class Reverted(GasLabError):
    """A step that should have succeeded failed.

    Attributes
    ----------
    step : str
    reason : str
        The decoded error where the ABI knows it, else the raw output or the halt.
    """

    def __init__(self, step: str, reason: str):
        self.step = step
        self.reason = reason
        super().__init__(f"{step}: {reason}")


class NotEquivalent(GasLabError):
    """Two variants of one experiment were seen to behave differently."""


class OverTheCap(GasLabError):
    """A transaction needs more gas than the schedule allows a single one."""


class EngineMissing(GasLabError):
    """An engine of the crosscheck is not installed."""


class MeterBroken(GasLabError):
    """The components of a transaction do not sum to its gas."""
