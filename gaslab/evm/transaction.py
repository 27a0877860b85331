"""One transaction: what it pays before the first opcode, and what it is charged for in the end."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import rlp
from eth.constants import CREATE_CONTRACT_ADDRESS, ZERO_ADDRESS
from eth.exceptions import ContractCreationCollision
from eth.vm.forks.prague.state import PragueTransactionExecutor
from eth.vm.message import Message
from eth_keys import keys
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from eth._utils.address import generate_contract_address
from gaslab.components import Component
from gaslab.errors import TransactionRefused
from gaslab.evm.calls import DELEGATION, delegation_of
from gaslab.evm.frame import Frame
from gaslab.evm.meter import INDEX, Meter
from gaslab.measurement import Measurement
from gaslab.schedule import Schedule

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
        message = self._message(transaction, charges.intrinsic)
        frame = self._run(message, transaction)
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
            self.validate_transaction(transaction)
        except ValidationError as error:
            raise TransactionRefused(str(error)) from error

    def _message(self, transaction: Any, intrinsic: int) -> Any:
        """Take the fee, raise the nonce, set codes, warm what is known to be touched."""
        state, schedule, meter = self.vm_state, self.schedule, self.vm_state.meter
        fee = transaction.gas * state.get_gas_price(transaction)
        if _type_of(transaction) == BLOB:
            fee += self.calc_data_fee(transaction)
        state.delta_balance(transaction.sender, -fee)
        state.increment_nonce(transaction.sender)

        gas = transaction.gas - intrinsic
        if schedule.state_gas and schedule.transaction_gas_cap is not None:
            meter.reservoir = max(gas - (schedule.transaction_gas_cap - intrinsic), 0)
            gas -= meter.reservoir

        creates = transaction.to == CREATE_CONTRACT_ADDRESS
        nonce = state.get_nonce(transaction.sender) - 1
        created = generate_contract_address(transaction.sender, nonce) if creates else None
        self._warm(transaction, created or transaction.to)
        for authorization in _authorizations(transaction):
            self._authorize(authorization)
        code, pointed = bytes(transaction.data), None
        if not creates:
            code = state.get_code(transaction.to)
            pointed = delegation_of(code) if schedule.set_code else None
            if pointed is not None:
                meter.warm_account(pointed)
                code = state.get_code(pointed)
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

    def _warm(self, transaction: Any, target: bytes) -> None:
        meter, state = self.vm_state.meter, self.vm_state
        meter.warm_accounts.update(dict.fromkeys(state.computation_class.tables.precompiles))
        for address in (transaction.sender, target, state.coinbase):  # EIP-2929, 3651
            meter.warm_account(bytes(address))
        for address, slots in transaction.access_list:
            meter.warm_account(bytes(address))
            for slot in slots:
                meter.warm_slot((bytes(address), slot))

    def _authorize(self, authorization: Any) -> None:
        """EIP-7702: let an account's code point at another's, if its signature is good."""
        state, meter = self.vm_state, self.vm_state.meter
        try:
            authorization.validate(state.execution_context.chain_id)
            fields = [authorization.chain_id, authorization.address, authorization.nonce]
            signature = keys.Signature(
                vrs=(authorization.y_parity, authorization.r, authorization.s)
            )
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
        if state.account_is_empty(authority):
            meter.fresh[authority] = None
        else:
            meter.refund += self.schedule["authorization.refund"]
        if authorization.address == ZERO_ADDRESS:
            state.delete_code(authority)
        else:
            state.set_code(authority, DELEGATION + authorization.address)
        state.increment_nonce(authority)

    def _run(self, message: Any, transaction: Any) -> Frame:
        state, frames = self.vm_state, self.vm_state.computation_class
        context = state.get_transaction_context(transaction)
        if not message.is_create:
            return frames.apply_message(state, message, context)  # type: ignore[no-any-return]
        if state.has_code_or_nonce(message.storage_address):
            frame: Frame = frames(state, message, context)
            frame._halt(ContractCreationCollision(message.storage_address.hex()))
            return frame
        return frames.apply_create_message(state, message, context)  # type: ignore[no-any-return]

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
    )
