// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IBatchRegistry} from "./interfaces/IBatchRegistry.sol";
import {IMarkets} from "./interfaces/IMarkets.sol";
import {ISettlementPrices} from "./interfaces/ISettlementPrices.sol";
import {Messages} from "./libraries/Messages.sol";
import {PriceWord, PriceWordLibrary} from "./types/PriceWord.sol";
import {PriceReport} from "./types/Proofs.sol";
import {Report} from "./types/Terms.sol";

/// @title The price at which each expiry settles (section 10)
/// @notice Fixed once, with its time, and never changed. Frozen or not: settling goes on.
contract SettlementPrices is ISettlementPrices {
    uint256 private constant _SPREAD_DIVISOR = 50; // reports are at most 1/50 of the least apart
    uint256 private constant _MINORITY_AFTER = 3 days;
    uint256 private constant _PROPOSAL_AFTER = 14 days;
    uint256 private constant _PROPOSAL_NOTICE = 3 days;

    address public immutable registry;
    address public immutable markets;

    mapping(uint8 market => mapping(uint24 expiry => PriceWord)) private _fixed;
    mapping(uint8 market => mapping(uint24 expiry => PriceWord)) private _proposed;

    constructor(address registry_, address markets_) {
        registry = registry_;
        markets = markets_;
    }

    /// @inheritdoc ISettlementPrices
    function settle(uint8 market, uint24 expiry, PriceReport[] calldata reports) external {
        (uint56 cap, uint16 set) = _openExpiry(market, expiry);
        uint256 expiresAt = uint256(expiry) * 1 hours;
        require(block.timestamp >= expiresAt, NotExpired(expiry, block.timestamp));
        address[] memory reporters = IMarkets(markets).reporterSetOf(set);
        bool minority = block.timestamp >= expiresAt + _MINORITY_AFTER;
        uint256 needed = reporters.length / (minority ? 3 : 2) + 1;
        uint256 count = reports.length;
        require(count >= needed, TooFewReports(count, needed));

        _requireReports(market, expiry, reports, reporters);
        (uint64 min, uint64 max) = (reports[0].price, reports[count - 1].price);
        require(minority || uint256(max - min) * _SPREAD_DIVISOR <= min, SpreadTooWide(min, max));

        _fix(market, expiry, reports[(count - 1) / 2].price, cap); // the lower middle
    }

    /// @inheritdoc ISettlementPrices
    function propose(uint8 market, uint24 expiry, uint64 price) external {
        address owner = IBatchRegistry(registry).owner();
        require(msg.sender == owner, NotOwner(msg.sender, owner));
        _openExpiry(market, expiry);
        uint256 earliest = uint256(expiry) * 1 hours + _PROPOSAL_AFTER;
        require(block.timestamp >= earliest, ProposalTooSoon(block.timestamp, earliest));

        uint40 executableAt = uint40(block.timestamp + _PROPOSAL_NOTICE);
        _proposed[market][expiry] = PriceWordLibrary.make(price, executableAt);

        emit PriceProposed(market, expiry, price, executableAt);
    }

    /// @inheritdoc ISettlementPrices
    function executeProposal(uint8 market, uint24 expiry) external {
        (uint56 cap,) = _openExpiry(market, expiry);
        PriceWord proposal = _proposed[market][expiry];
        require(!proposal.isEmpty(), ProposalUnknown(market, expiry));
        require(
            block.timestamp >= proposal.date(), ProposalNotDue(block.timestamp, proposal.date())
        );

        _fix(market, expiry, proposal.price(), cap);
    }

    // --- views

    /// @inheritdoc ISettlementPrices
    function priceOf(uint8 market, uint24 expiry)
        external
        view
        returns (uint64 price, uint40 fixedAt)
    {
        PriceWord word = _fixed[market][expiry];
        return (word.price(), word.date());
    }

    /// @inheritdoc ISettlementPrices
    function pricesOf(uint32[] calldata series)
        external
        view
        returns (PriceWord[] memory words)
    {
        words = new PriceWord[](series.length);
        for (uint256 i; i < series.length; ++i) {
            uint32 one = series[i];
            words[i] = _fixed[uint8(one >> 24)][uint24(one)];
        }
    }

    /// @inheritdoc ISettlementPrices
    function proposalOf(uint8 market, uint24 expiry)
        external
        view
        returns (uint64 price, uint40 executableAt)
    {
        PriceWord word = _proposed[market][expiry];
        return (word.price(), word.date());
    }

    /// @inheritdoc ISettlementPrices
    function reportDigest(uint8 market, uint24 expiry, uint64 price)
        external
        view
        returns (bytes32)
    {
        bytes32 separator = IBatchRegistry(registry).domainSeparator();
        return Messages.digest(Report(market, expiry, price), separator);
    }

    // --- private

    /// Fixes a price, clamped to what one lot can settle at.
    function _fix(uint8 market, uint24 expiry, uint64 price, uint56 cap) private {
        uint64 clamped = price < cap ? price : cap;
        _fixed[market][expiry] = PriceWordLibrary.make(clamped, uint40(block.timestamp));
        emit PriceFixed(market, expiry, clamped, uint40(block.timestamp));
    }

    /// Each report by another reporter of the set, signed by it, ascending by price.
    function _requireReports(
        uint8 market,
        uint24 expiry,
        PriceReport[] calldata reports,
        address[] memory reporters
    ) private view {
        bytes32 separator = IBatchRegistry(registry).domainSeparator();
        uint256 seen; // bit i: reporter i has reported; a set has at most 32
        uint64 previous;
        for (uint256 i; i < reports.length; ++i) {
            PriceReport calldata report = reports[i];
            uint8 reporter = report.reporter;
            require(reporter < reporters.length, ReporterUnknown(i, reporter, reporters.length));
            require(seen >> reporter & 1 == 0, ReporterTwice(i, reporter));
            seen |= 1 << reporter;
            require(report.price >= previous, ReportsNotAscending(i, previous, report.price));
            previous = report.price;

            bytes32 digest = Messages.digest(Report(market, expiry, previous), separator);
            address signer = Messages.recover(digest, report.signature);
            require(signer == reporters[reporter], ReportSigner(i, signer, reporters[reporter]));
        }
    }

    /// An expiry that is open and whose price is not fixed.
    function _openExpiry(uint8 market, uint24 expiry)
        private
        view
        returns (uint56 cap, uint16 set)
    {
        (cap, set) = IMarkets(markets).expiryOf(market, expiry);
        require(cap != 0, ExpiryUnknown(market, expiry));
        PriceWord word = _fixed[market][expiry];
        require(word.isEmpty(), AlreadyFixed(word.price(), word.date()));
    }
}
