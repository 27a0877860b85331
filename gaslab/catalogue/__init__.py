"""The experiments over contracts/lab, by id.

Each module here holds one family and says `EXPERIMENTS`, a tuple.
"""

from gaslab.experiment import Experiment

_FAMILIES: tuple[tuple[Experiment, ...], ...] = ()

EXPERIMENTS: dict[str, Experiment] = {
    experiment.id: experiment for family in _FAMILIES for experiment in family
}
