"""One transaction: what it pays before the first opcode, and what it is charged for in the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import rlp
from eth._utils.address import generate_contract_address
from eth.constants import CREATE_CONTRACT_ADDRESS, ZERO_ADDRESS
from eth.exceptions import ContractCreationCollision, OutOfGas
from eth.vm.forks.prague.state import PragueTransactionExecutor
from eth.vm.message import Message
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from gaslab.components import Component
from gaslab.errors import TransactionRefused
from gaslab.evm.calls import DELEGATION, delegation_of
from gaslab.evm.frame import Frame
from gaslab.evm.meter import BURNED, INDEX, Mark, Meter
from gaslab.measurement import Measurement
from gaslab.schedule import Schedule

AUTHORIZATION = INDEX[Component.AUTHORIZATION]
STATE_ACCOUNT = INDEX[Component.STATE_ACCOUNT]
STATE_CODE = INDEX[Component.STATE_CODE]

BLOB, SET_CODE = 3, 4
SLOT_BYTES, ACCOUNT_BYTES = 64, 120  # of state, as EIP-8037 counts


class Charges(NamedTuple):
    """What a transaction owes by itself.

    Attributes
    ----------
    parts : list of (Component, gas)
        Before the first opcode.
    floor : int
        The least that it is charged for in the end; 0 without a floor.
    """

    parts: list[tuple[Component, int]]
    floor: int

    @property
    def intrinsic(self) -> int:
        return sum(gas for _, gas in self.parts)


def charges_of(schedule: Schedule, transaction: Any) -> Charges:
    """Price a transaction's envelope: base, calldata, lists."""
    data = bytes(transaction.data)
    zeros = data.count(0)
    creates = transaction.to == CREATE_CONTRACT_ADDRESS
    base = schedule["transaction.base"]
    if schedule.intrinsic == "eip2780" and not creates and transaction.to != transaction.sender:
        base += schedule["account.cold"]
        base += schedule["transaction.value"] if transaction.value else 0
    create = schedule["transaction.create"] if creates else 0
    words = (len(data) + 31) // 32 if creates else 0
    accounts, slots = _listed(transaction)
    listed = schedule["transaction.access_list_byte"] * (20 * accounts + 32 * slots)
    parts = [
        (Component.INTRINSIC, base),
        (Component.CALLDATA_ZERO, schedule["transaction.calldata_zero"] * zeros),
        (
            Component.CALLDATA_NONZERO,
            schedule["transaction.calldata_nonzero"] * (len(data) - zeros),
        ),
        (Component.CREATE, create + schedule["transaction.initcode_word"] * words),
        (
            Component.ACCESS_LIST,
            schedule["transaction.access_list_address"] * accounts
            + schedule["transaction.access_list_slot"] * slots
            + listed,
        ),
        (
            Component.AUTHORIZATION,
            schedule["authorization.base"] * len(_authorizations(transaction)),
        ),
    ]
    floor = 0
    if schedule.calldata_floor:
        floor = base + create if schedule.intrinsic == "eip2780" else schedule["floor.base"]
        floor += schedule["floor.zero"] * zeros + schedule["floor.nonzero"] * (len(data) - zeros)
        floor += listed
    return Charges(parts, floor)


def _listed(transaction: Any) -> tuple[int, int]:
    """Entries of the access list: accounts, slots."""
    listed = transaction.access_list
    return len(listed), sum(len(slots) for _, slots in listed)


def _type_of(transaction: Any) -> int:
    return getattr(transaction, "type_id", None) or 0


def _authorizations(transaction: Any) -> Any:
    return transaction.authorization_list if _type_of(transaction) == SET_CODE else ()


def _blobs(transaction: Any) -> int:
    return len(transaction.blob_versioned_hashes) if _type_of(transaction) == BLOB else 0


@dataclass
class Purse:
    """A transaction's gas on its way to the first opcode.

    Attributes
    ----------
    gas : int
    reservoir : int
        What was set apart for state at first.
    state_gas_paid : int
        State gas that came out of `gas`.
    """

    gas: int
    reservoir: int
    state_gas_paid: int = 0


class Executor(PragueTransactionExecutor):  # type: ignore[misc]
    """Takes the place of py-evm's executor, with the schedule's charges and the lab's own sums."""

    schedule: ClassVar[Schedule]

    def __call__(self, transaction: Any) -> Frame:
        charges = charges_of(self.schedule, transaction)
        self._check(transaction, charges)
        state = self.vm_state
        meter = state.meter = Meter(self.schedule, profile=state.profile)
        for part, gas in charges.parts:
            meter.parts[INDEX[part]] += gas
        self._buy(transaction)
        snapshot, mark = state.snapshot(), meter.mark()
        purse = self._split(transaction.gas - charges.intrinsic, charges.intrinsic)
        try:
            self._prepare(transaction, purse)
            frame = self._run(self._message(transaction, purse.gas), transaction)
        except OutOfGas as error:
            frame = self._frame(self._message(transaction, purse.gas), transaction)
            frame._halt(error)
            frame.unprepared = True
        if frame.unprepared:
            self._forget(frame, purse, snapshot, mark)
        else:
            state.commit(snapshot)
        measurement = self._settle(transaction, charges, frame)
        frame.measurement = measurement
        for seen in state.observers:
            seen(measurement)
        return frame

    # --- before -------------------------------------------------------------------------------

    def _check(self, transaction: Any, charges: Charges) -> None:
        schedule = self.schedule
        gas, cap = transaction.gas, schedule.transaction_gas_cap
        least = max(charges.intrinsic, charges.floor)
        if gas < least:
            raise TransactionRefused(f"gas limit {gas} is below the {least} that it always costs")
        if cap is not None and (least if schedule.state_gas else gas) > cap:
            raise TransactionRefused(f"gas limit {gas} is above the cap of {cap} for one")
        longest = schedule["limits.initcode_size"]
        if transaction.to == CREATE_CONTRACT_ADDRESS and len(transaction.data) > longest:
            raise TransactionRefused(f"{len(transaction.data)} bytes of initcode, above {longest}")
        most = schedule["limits.blobs_per_transaction"]
        if _blobs(transaction) > most:
            raise TransactionRefused(f"{_blobs(transaction)} blobs, above {most}")
        if _type_of(transaction) == SET_CODE and not schedule.set_code:
            raise TransactionRefused(f"{schedule.name} has no transactions that set code")
        sender = self.vm_state.get_code(transaction.sender)
        if sender and delegation_of(sender) is None:
            raise TransactionRefused("its sender is a contract (EIP-3607)")
        try:
            # Not `transaction.validate`: that knows no intrinsic gas but 21,000.
            self._check_signature(transaction)
            self.vm_state.validate_transaction(transaction)
        except ValidationError as error:
            raise TransactionRefused(str(error)) from error

    @staticmethod
    def _check_signature(transaction: Any) -> None:
        """See that the signature is good, unless who sent it is known or made up."""
        check = getattr(transaction, "check_signature_validity", None)
        if check is not None and "sender" not in vars(transaction):
            check()

    def _buy(self, transaction: Any) -> None:
        """Take the fee for all gas and raise the nonce."""
        state = self.vm_state
        fee = transaction.gas * state.get_gas_price(transaction)
        if _type_of(transaction) == BLOB:
            fee += self.calc_data_fee(transaction)
        state.delta_balance(transaction.sender, -fee)
        state.increment_nonce(transaction.sender)

    def _split(self, gas: int, intrinsic: int) -> Purse:
        """Set apart, for state only, what is above the cap of one transaction (EIP-8037)."""
        schedule, meter = self.schedule, self.vm_state.meter
        if schedule.state_gas and schedule.transaction_gas_cap is not None:
            meter.reservoir = max(gas - (schedule.transaction_gas_cap - intrinsic), 0)
        return Purse(gas - meter.reservoir, meter.reservoir)

    def _prepare(self, transaction: Any, purse: Purse) -> None:
        """Warm what is known to be touched and let accounts' codes be set."""
        self._warm(transaction)
        written = {bytes(transaction.sender)}
        if transaction.value and transaction.to != CREATE_CONTRACT_ADDRESS:
            written.add(bytes(transaction.to))
        delegated: dict[bytes, bool] = {}
        for authorization in _authorizations(transaction):
            self._authorize(authorization, purse, written, delegated)

    def _message(self, transaction: Any, gas: int) -> Any:
        state = self.vm_state
        creates = transaction.to == CREATE_CONTRACT_ADDRESS
        code, pointed, created = bytes(transaction.data), None, None
        if creates:
            nonce = state.get_nonce(transaction.sender) - 1
            created = generate_contract_address(transaction.sender, nonce)
            state.meter.warm_account(created)
        else:
            code = state.get_code(transaction.to)
            pointed = delegation_of(code) if self.schedule.set_code else None
            if pointed is not None:
                code = state.get_code(pointed)
                if self.schedule.intrinsic == "frontier":  # else the frame pays for it
                    state.meter.warm_account(pointed)
        return Message(
            gas=gas,
            to=transaction.to,
            sender=transaction.sender,
            value=transaction.value,
            data=b"" if creates else bytes(transaction.data),
            code=code,
            create_address=created,
            code_address=created or pointed or transaction.to,
            is_delegation=pointed is not None,
        )

    def _warm(self, transaction: Any) -> None:
        meter, state = self.vm_state.meter, self.vm_state
        meter.warm_accounts.update(dict.fromkeys(state.computation_class.tables.precompiles))
        for address in (transaction.sender, transaction.to, state.coinbase):  # EIP-2929, 3651
            if address:
                meter.warm_account(bytes(address))
        for address, slots in transaction.access_list:
            meter.warm_account(bytes(address))
            for slot in slots:
                meter.warm_slot((bytes(address), slot))

    def _authorize(
        self, authorization: Any, purse: Purse, written: set[bytes], delegated: dict[bytes, bool]
    ) -> None:
        """EIP-7702: let an account's code point at another's, if its signature is good.

        Under EIP-8037 and 8038 the authority's first write and new state are charged here, once
        an authority: `written` holds those that are paid for, `delegated` those that were seen,
        and whether any bytes of code have been paid for.
        """
        state, meter = self.vm_state, self.vm_state.meter
        try:
            authorization.validate(state.execution_context.chain_id)
            fields = [authorization.chain_id, authorization.address, authorization.nonce]
            signature = Signature(vrs=(authorization.y_parity, authorization.r, authorization.s))
            signer = signature.recover_public_key_from_msg(b"\x05" + rlp.encode(fields))
        except (ValidationError, BadSignature):
            return
        authority = signer.to_canonical_address()
        meter.warm_account(authority)
        code = state.get_code(authority)
        if code and delegation_of(code) is None:
            return
        if state.get_nonce(authority) != authorization.nonce:
            return
        new = state.account_is_empty(authority)
        self._pay(purse, AUTHORIZATION, 0 if authority in written else self._price("write"))
        written.add(authority)
        if new:
            meter.put(meter.fresh, authority)
            self._pay_state(purse, STATE_ACCOUNT, self.schedule["state.account"])
        else:
            meter.refund += self._price("refund")
        had = delegated.setdefault(authority, bool(code))
        if not had and not code and authorization.address != ZERO_ADDRESS:
            self._pay_state(purse, STATE_CODE, self.schedule["state.authorization"])
            delegated[authority] = True
        if authorization.address == ZERO_ADDRESS:
            state.delete_code(authority)
        else:
            state.set_code(authority, DELEGATION + authorization.address)
        state.increment_nonce(authority)

    def _price(self, name: str) -> int:
        return self.schedule[f"authorization.{name}"]

    def _pay(self, purse: Purse, part: int, gas: int) -> None:
        if gas > purse.gas:
            raise OutOfGas(f"needs {gas}, has {purse.gas}")
        purse.gas -= gas
        self.vm_state.meter.parts[part] += gas

    def _pay_state(self, purse: Purse, part: int, gas: int) -> None:
        meter = self.vm_state.meter
        reserved = min(meter.reservoir, gas)
        self._pay(purse, part, gas - reserved)
        purse.state_gas_paid += gas - reserved
        meter.reservoir -= reserved
        meter.parts[part] += reserved

    def _frame(self, message: Any, transaction: Any) -> Frame:
        state = self.vm_state
        context = state.get_transaction_context(transaction)
        return state.computation_class(state, message, context)  # type: ignore[no-any-return]

    def _run(self, message: Any, transaction: Any) -> Frame:
        state, frames = self.vm_state, self.vm_state.computation_class
        context = state.get_transaction_context(transaction)
        if not message.is_create:
            return frames.apply_message(state, message, context)  # type: ignore[no-any-return]
        if state.has_code_or_nonce(message.storage_address):
            frame = self._frame(message, transaction)
            frame._halt(ContractCreationCollision(message.storage_address.hex()))
            return frame
        return frames.apply_create_message(state, message, context)  # type: ignore[no-any-return]

    def _forget(self, frame: Frame, purse: Purse, snapshot: Any, mark: Mark) -> None:
        """The gas did not last to the first opcode: authorizations do not stand either."""
        state = self.vm_state
        state.revert(snapshot)
        state.meter.undo(mark)
        state.meter.reservoir = purse.reservoir
        state.meter.parts[BURNED] += purse.state_gas_paid

    # --- after --------------------------------------------------------------------------------

    def _settle(self, transaction: Any, charges: Charges, frame: Frame) -> Measurement:
        """Refund first, floor after (EIP-7623); then pay, and end destroyed accounts."""
        state, meter = self.vm_state, self.vm_state.meter
        used = transaction.gas - frame.gas - meter.reservoir
        refund = min(used // self.schedule["transaction.refund_quotient"], meter.refund)
        execution = used - refund
        gas = max(execution, charges.floor)
        meter.parts[INDEX[Component.REFUND]] -= refund
        meter.parts[INDEX[Component.FLOOR]] += gas - execution

        price = state.get_gas_price(transaction)
        state.delta_balance(transaction.sender, (transaction.gas - gas) * price)
        state.delta_balance(state.coinbase, gas * state.get_tip(transaction))
        for address in meter.destroyed:
            state.delete_account(address)
        return _measurement(self.schedule, state, transaction, charges.floor, execution, frame)


def _measurement(
    schedule: Schedule, state: Any, transaction: Any, floor: int, execution: int, frame: Frame
) -> Measurement:
    meter: Meter = state.meter
    last = {key: state.get_storage(*key) for key in meter.first}
    writes = {key for key, first in meter.first.items() if last[key] != first}
    created = sum(meter.first[key] == 0 for key in writes)
    cleared = sum(last[key] == 0 for key in writes)
    data = bytes(transaction.data)
    contract = bytes(frame.address) if frame.msg.is_create and frame.is_success else None
    grown = SLOT_BYTES * (created - cleared)
    grown += ACCOUNT_BYTES * sum(not state.account_is_empty(one) for one in meter.fresh)
    grown += sum(len(state.get_code(one)) for one in meter.created)
    components = meter.components()
    return Measurement(
        label="",
        schedule=schedule.name,
        success=frame.is_success,
        error="" if frame.is_success else type(frame.error).__name__,
        gas=max(execution, floor),
        components=components,
        refund_counted=meter.refund,
        floor=floor,
        execution=execution,
        state_gas=sum(
            components.get(part, 0)
            for part in (Component.STATE_SLOT, Component.STATE_ACCOUNT, Component.STATE_CODE)
        ),
        calldata_bytes=len(data),
        calldata_zero_bytes=data.count(0),
        memory_peak_bytes=meter.memory_peak,
        slots_created=created,
        slots_changed=len(writes) - created - cleared,
        slots_cleared=cleared,
        slots_read=len(meter.reads - writes),
        state_bytes_grown=grown,
        access_accounts=len(meter.warm_accounts) - len(frame.tables.precompiles),
        access_slots=len(meter.warm_slots),
        log_count=len(meter.logs),
        log_bytes=sum(32 * len(log.topics) + len(log.data) for log in meter.logs),
        code_bytes=len(state.get_code(contract)) if contract else 0,
        initcode_bytes=len(data) if frame.msg.is_create else 0,
        blob_gas=schedule["transaction.blob"] * _blobs(transaction),
        output=bytes(frame.output),
        logs=tuple(meter.logs),
        reads=frozenset(meter.reads),
        writes=frozenset(writes),
        contract=contract,
        by_pc=dict(meter.by_pc or {}),
        steps=tuple(map(tuple, meter.steps)),
    )
