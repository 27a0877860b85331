// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// What a batch is convicted of (section 7). The names from `AccountUnopened` to `FieldOverflow` are
/// those of `matcher/reference/faults.py`, in its order.
enum Fault {
    None, // no lie found
    MalformedChunk,
    AccountUnopened,
    AccountReserved,
    SameAccount,
    ZeroLots,
    InstrumentUnlisted,
    TooLate,
    OrderIdTooLarge,
    StaleOrder,
    SlotUsed,
    Overfilled,
    NotionalTooLarge,
    PositionTooLarge,
    TooManyPositions,
    OverCredited,
    NothingToServe,
    PriceNotFixed,
    FieldOverflow,
    WrongRoot,
    MarginBroken,
    ReleaseKept, // a RELEASE kept something back
    Unanswered // nobody showed who signed
}

/// What a prover found.
struct Verdict {
    Fault fault;
    uint16 chunk;
    uint8 place; // word of the chunk; 30 for what concerns the whole of it
    address challenger; // who gets the reward; 0: who brought the proof
    bytes32 root; // TRANSITION: the root that follows, if all ops are valid
}
