// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// Four parameters of a market decide a fee; a desk asks for n fees in one transaction and keeps
// their sum.
//
// Claim        What never changes should not be read from storage.
// Rule         EIP-2929: the first SLOAD of a slot costs 2,100, later ones 100. Immutables and
//              constants are part of the code: PUSH costs 3.
// Pays         From the first read on, and the parameters cost no slots at deployment.
// Does not     Where parameters must change: then packing them in one slot is what remains.
// Readability  None. A constant is fixed for all deployments, an immutable for each.

struct Parameters {
    uint64 rate;
    uint64 least;
    uint64 most;
    uint64 scale;
}

interface FeeTable {
    function feeOf(uint256 notional) external returns (uint256);
}

/// The caller that all variants share: each fee is a call, as it is between contracts.
contract Desk {
    uint256 public total = 1;

    function ask(FeeTable table, uint256 fees) external returns (uint256 sum) {
        for (uint256 i; i < fees; ++i) {
            sum += table.feeOf(1000 * (i + 1));
        }
        total += sum;
    }
}

/// The fee, of parameters from wherever a variant keeps them.
function fee(uint256 notional, uint256 rate, uint256 least, uint256 most, uint256 scale)
    pure
    returns (uint256 result)
{
    result = notional * rate / scale;
    if (result < least) result = least;
    if (result > most) result = most;
}

/// Baseline: a slot for each parameter.
contract InSlots is FeeTable {
    uint256 internal rate;
    uint256 internal least;
    uint256 internal most;
    uint256 internal scale;

    constructor(Parameters memory p) {
        (rate, least, most, scale) = (p.rate, p.least, p.most, p.scale);
    }

    function feeOf(uint256 notional) external view returns (uint256) {
        return fee(notional, rate, least, most, scale);
    }
}

/// All four in one slot.
contract InOneSlot is FeeTable {
    Parameters internal parameters;

    constructor(Parameters memory p) {
        parameters = p;
    }

    function feeOf(uint256 notional) external view returns (uint256) {
        Parameters memory p = parameters;
        return fee(notional, p.rate, p.least, p.most, p.scale);
    }
}

/// In the code, set by the constructor.
contract InImmutables is FeeTable {
    uint256 internal immutable rate;
    uint256 internal immutable least;
    uint256 internal immutable most;
    uint256 internal immutable scale;

    constructor(Parameters memory p) {
        (rate, least, most, scale) = (p.rate, p.least, p.most, p.scale);
    }

    function feeOf(uint256 notional) external view returns (uint256) {
        return fee(notional, rate, least, most, scale);
    }
}

/// In the source.
contract InConstants is FeeTable {
    uint256 internal constant RATE = 25;
    uint256 internal constant LEAST = 3;
    uint256 internal constant MOST = 100;
    uint256 internal constant SCALE = 10_000;

    error WrongParameters(Parameters found);

    /// The constructor that the others have, so that they are deployed alike.
    constructor(Parameters memory p) {
        require(
            p.rate == RATE && p.least == LEAST && p.most == MOST && p.scale == SCALE,
            WrongParameters(p)
        );
    }

    function feeOf(uint256 notional) external pure returns (uint256) {
        return fee(notional, RATE, LEAST, MOST, SCALE);
    }
}
