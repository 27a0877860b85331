"""Where one variant of an experiment is driven: the driver's view of the chain."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from gaslab.environment import Deployed, Environment
from gaslab.errors import InputError, NotEquivalent, OverTheCap, Reverted
from gaslab.experiment import Experiment, Variant
from gaslab.measurement import RECORDED, Measurement, total
from gaslab.schedule import Schedule
from gaslab.solc import Contract


class Bench:
    """One variant, one size, one schedule, on a fresh chain.

    The driver deploys with `deploy`, prepares with `setup`, measures with `measure`, and says with
    `observe` what must be alike in all variants.

    Attributes
    ----------
    variant : Variant
    environment : Environment
        For what the methods here do not offer: other senders, blocks, access lists.
    contract : Deployed
        The variant's own contract, once deployed.
    measured, deployments : list of Measurement
    observations : dict of str to object
    accuracies : dict of str to Fraction
        Greatest absolute errors against a high-precision reference.
    recorded : dict of str to int
        Figures of the driver's own, by a name of `RECORDED`.
    """

    def __init__(
        self,
        experiment: Experiment,
        variant: Variant,
        schedule: Schedule,
        contracts: Mapping[str, Contract],
        environment: Environment | None = None,
    ):
        self.experiment = experiment
        self.variant = variant
        self.schedule = schedule
        self.contracts = contracts
        self.environment = environment or Environment(schedule)
        self.measured: list[Measurement] = []
        self.deployments: list[Measurement] = []
        self.observations: dict[str, Any] = {}
        self.accuracies: dict[str, Fraction] = {}
        self.recorded: dict[str, int] = {}
        self._contract: Deployed | None = None

    # --- the chain ----------------------------------------------------------------------------

    @property
    def contract(self) -> Deployed:
        if self._contract is None:
            raise InputError(f"{self.experiment.id}.drive", "no deployment", "deploy() first")
        return self._contract

    def deploy(self, *args: Any, contract: str | None = None, **options: Any) -> Deployed:
        """Deploy the variant's contract, or another of the source by its name.

        The variant's own becomes `self.contract` and its gas the variant's deploy gas.
        """
        found = self.contracts.get(contract or self.variant.contract)
        if found is None:
            raise InputError(
                f"{self.experiment.id}.contract",
                contract or self.variant.contract,
                f"one of {', '.join(sorted(self.contracts))}",
            )
        deployed = self.environment.deploy(found, *args, **options)
        if contract is None:
            self._contract = deployed
            self.deployments.append(deployed.creation)
        return deployed

    def setup(self, name: str, *args: Any, at: Deployed | None = None, **options: Any) -> bytes:
        """A transaction that is not measured; what it returns."""
        return self._sent(at or self.contract, name, args, options).output

    def measure(
        self, name: str, *args: Any, at: Deployed | None = None, **options: Any
    ) -> Measurement:
        """A transaction whose gas counts. It is cold, as any transaction is.

        Raises
        ------
        Reverted
        OverTheCap
        """
        measurement = self._sent(at or self.contract, name, args, options)
        self.measured.append(measurement)
        return measurement

    def measure_raw(
        self, to: bytes, data: bytes, *, label: str = "", **options: Any
    ) -> Measurement:
        """The same with calldata of the driver's own making."""
        measurement = self._checked(
            self.environment.send(to, data, label=label or "call", **options), label or "call"
        )
        self.measured.append(measurement)
        return measurement

    def read(self, name: str, *args: Any, at: Deployed | None = None) -> Any:
        """What a view answers, decoded; it leaves no trace."""
        return (at or self.contract).call(name, *args)

    def record(self, name: str, value: int) -> None:
        """Give the case a figure that no transaction has by itself, one of `RECORDED`."""
        if name not in RECORDED:
            raise InputError(f"{self.experiment.id}.record", name, f"one of {', '.join(RECORDED)}")
        self.recorded[name] = value

    def compose(self, times: int, *, steady: int = 2) -> None:
        """Count the last transaction `times` more, without sending it again.

        Its figure `composed` says how many transactions of a case were counted so. That each of
        them would cost the same is shown, not assumed: the last `steady` measured ones must agree
        in every figure but their label and bytes. On layer 2 each counts as the last one does.

        Raises
        ------
        NotEquivalent
            They do not.
        """
        last = self.measured[-steady:]
        figures = [total([one]) for one in last]
        if len(last) < steady or any(one != figures[0] for one in figures):
            raise NotEquivalent(
                f"{self.experiment.id}/{self.variant.name}: the last {steady} transactions are not "
                f"in a steady state: {[one.gas for one in last]} gas"
            )
        self.measured += [last[-1]] * times
        self.recorded["composed"] = self.recorded.get("composed", 0) + times

    def _sent(
        self, at: Deployed, name: str, args: tuple[Any, ...], options: dict[str, Any]
    ) -> Measurement:
        label = options.pop("label", name)
        return self._checked(at.send(name, *args, label=label, **options), label, at)

    def _checked(
        self, measurement: Measurement, label: str, at: Deployed | None = None
    ) -> Measurement:
        if measurement.success:
            return measurement
        step = f"{self.experiment.id}/{self.variant.name}/{label} under {self.schedule.name}"
        if measurement.error == "OutOfGas":
            cap = self.schedule.transaction_gas_cap
            raise OverTheCap(f"{step}: needs more than {cap or self.environment.gas_limit} gas")
        raise Reverted(step, at.reason(measurement) if at else measurement.error)

    # --- what must be alike -------------------------------------------------------------------

    def observe(self, name: str, value: Any) -> None:
        """A fact that all variants must share: an output, a log, decoded state."""
        if name in self.observations:
            raise InputError(f"{self.experiment.id}.observe", name, "each name once")
        self.observations[name] = value

    def expect(self, name: str, found: Any, expected: Any) -> None:
        """Observe a fact that the driver itself knows.

        Raises
        ------
        NotEquivalent
            It is otherwise.
        """
        if found != expected:
            raise NotEquivalent(
                f"{self.experiment.id}/{self.variant.name}: {name} is {found!r}, not {expected!r}"
            )
        self.observe(name, found)

    def accuracy(self, name: str, found: Fraction, reference: Fraction) -> None:
        """How far a numeric result is from a high-precision reference; the greatest is kept."""
        error = abs(found - reference)
        self.accuracies[name] = max(self.accuracies.get(name, Fraction(0)), error)
