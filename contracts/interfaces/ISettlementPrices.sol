// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {PriceReport} from "../types/Proofs.sol";

/// The price at which an expiry settles, fixed once (section 10).
interface ISettlementPrices {
    event PriceFixed(uint8 indexed market, uint24 indexed expiry, uint64 price, uint40 fixedAt);
    event PriceProposed(uint8 indexed market, uint24 indexed expiry, uint64 price, uint40 executableAt);

    /// `reports` ascending by price, reporters distinct.
    function settle(uint8 market, uint24 expiry, PriceReport[] calldata reports) external;
    function propose(uint8 market, uint24 expiry, uint64 price) external;
    function executeProposal(uint8 market, uint24 expiry) external;

    /// fixedAt 0: not fixed.
    function priceOf(uint8 market, uint24 expiry) external view returns (uint64 price, uint40 fixedAt);
    function proposalOf(uint8 market, uint24 expiry)
        external
        view
        returns (uint64 price, uint40 executableAt);
    /// What a reporter signs.
    function reportDigest(uint8 market, uint24 expiry, uint64 price) external view returns (bytes32);
}
