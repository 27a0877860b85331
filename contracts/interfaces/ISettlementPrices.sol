// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {PriceWord} from "../types/PriceWord.sol";
import {PriceReport} from "../types/Proofs.sol";

/// The price at which an expiry settles, fixed once (section 10).
interface ISettlementPrices {
    error NotOwner(address caller, address owner);
    error ExpiryUnknown(uint8 market, uint24 expiry);
    error NotExpired(uint24 expiry, uint256 timestamp);
    error AlreadyFixed(uint64 price, uint40 fixedAt);
    error TooFewReports(uint256 found, uint256 needed);
    error ReporterUnknown(uint256 position, uint8 reporter, uint256 count);
    error ReporterTwice(uint256 position, uint8 reporter);
    error ReportsNotAscending(uint256 position, uint64 previous, uint64 price);
    error ReportSigner(uint256 position, address found, address reporter);
    /// Allowed: (max - min) * 50 <= min.
    error SpreadTooWide(uint64 min, uint64 max);
    error ProposalTooSoon(uint256 timestamp, uint256 earliest);
    error ProposalUnknown(uint8 market, uint24 expiry);
    error ProposalNotDue(uint256 timestamp, uint40 executableAt);

    event PriceFixed(uint8 indexed market, uint24 indexed expiry, uint64 price, uint40 fixedAt);
    event PriceProposed(
        uint8 indexed market, uint24 indexed expiry, uint64 price, uint40 executableAt
    );

    /// Fixes the median of the reports, once; by anyone, from the expiry on.
    /// At least floor(n/2) + 1 of the expiry's n reporters, at most 2 % apart; three days later
    /// floor(n/3) + 1, however far apart. `reports` ascending by price, reporters distinct.
    function settle(uint8 market, uint24 expiry, PriceReport[] calldata reports) external;
    /// Only the owner, 14 days after an expiry that is still not fixed. A new proposal replaces the
    /// old one and its notice begins anew.
    function propose(uint8 market, uint24 expiry, uint64 price) external;
    /// By anyone, three days after the proposal. Until then reports can still settle it.
    function executeProposal(uint8 market, uint24 expiry) external;

    function registry() external view returns (address);
    function markets() external view returns (address);
    /// fixedAt 0: not fixed. Else it is no earlier than the expiry, and the price at most the cap.
    function priceOf(uint8 market, uint24 expiry)
        external
        view
        returns (uint64 price, uint40 fixedAt);
    /// The same for several: `market:8 | expiry:24` each.
    function pricesOf(uint32[] calldata series) external view returns (PriceWord[] memory);
    /// executableAt 0: none.
    function proposalOf(uint8 market, uint24 expiry)
        external
        view
        returns (uint64 price, uint40 executableAt);
    /// What a reporter signs.
    function reportDigest(uint8 market, uint24 expiry, uint64 price)
        external
        view
        returns (bytes32);
}
