"""The experiments over contracts/lab, by id.

Each module here holds one family and says `EXPERIMENTS`, a tuple.
"""

from gaslab.catalogue import (
    calldata,
    deployment,
    macro,
    memory,
    numeric,
    opcodes,
    settlement,
    state,
    storage,
    verification,
)
from gaslab.experiment import Experiment

_FAMILIES: tuple[tuple[Experiment, ...], ...] = (
    storage.EXPERIMENTS,
    state.EXPERIMENTS,
    memory.EXPERIMENTS,
    calldata.EXPERIMENTS,
    opcodes.EXPERIMENTS,
    deployment.EXPERIMENTS,
    numeric.EXPERIMENTS,
    verification.EXPERIMENTS,
    settlement.EXPERIMENTS,
    macro.EXPERIMENTS,
)

EXPERIMENTS: dict[str, Experiment] = {
    experiment.id: experiment for family in _FAMILIES for experiment in family
}
