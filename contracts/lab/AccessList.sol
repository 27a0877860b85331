// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// A book adds up n prices that another contract keeps.
//
// Claim        Slots named in advance are read for less.
// Rule         EIP-2930: an address in the list costs 2,400 and a slot 1,900, against 2,600 and
//              2,100 for a first touch; the list's items are warm then, 100 each. EIP-7981 (draft
//              of Amsterdam) charges its bytes as calldata, too.
// Pays         For slots of other contracts, in small amounts: 100 for each slot, 200 less 100 for
//              an address.
// Does not     For items that are not touched after all, nor for the contract that is called, whose
//              address is warm anyway. On the draft of Amsterdam, never.
// Readability  None on chain; the client must know what will be touched.

/// The other contract: a price in each slot.
contract PriceStore {
    mapping(uint256 feed => uint256 price) public prices;

    function set(uint256 feeds, uint256 seed) external {
        for (uint256 i; i < feeds; ++i) {
            prices[i] = uint64(uint256(keccak256(abi.encode(seed, i)))) | 1;
        }
    }
}

interface PriceSource {
    function prices(uint256 feed) external returns (uint256);
}

contract Book {
    uint256 public total = 1;

    function run(PriceSource source, uint256 feeds) external returns (uint256 sum) {
        for (uint256 i; i < feeds; ++i) {
            sum += source.prices(i);
        }
        total = sum;
    }
}
