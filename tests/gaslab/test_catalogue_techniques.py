"""The catalogue as a whole."""

from gaslab.catalogue import EXPERIMENTS
from gaslab.experiment import Technique


def test_catalogue_has_an_experiment_for_every_technique() -> None:
    shown = {technique for one in EXPERIMENTS.values() for technique in one.techniques}
    assert shown == {*Technique} - {Technique.OWN}  # a user's own pairs are not in it
    assert len(EXPERIMENTS) >= 34
