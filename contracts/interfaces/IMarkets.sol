// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Leg} from "../types/Leg.sol";

/// Markets, expiries, instruments. Everything here is write-once or dated.
/// Markets, reporter sets and instruments count from 1; 0 means none.
interface IMarkets {
    error NotOwner(address caller, address owner);
    error NotLister(address caller, address owner, address operator);
    error NameLength(uint256 found, uint256 min, uint256 max);
    error NameCharacter(bytes1 found, uint256 position);
    error NameTaken(string name);
    error ZeroValue(uint32 tickValue, uint32 strikeValue);
    error TooMany(uint256 count, uint256 max);
    /// Rates must be such that neither the taker alone nor both sides together are paid.
    error FeesNegative(int32 taker, int32 maker);
    error FeesInPast(uint40 activeAt, uint256 timestamp);
    error FeesTooSoon(uint256 timestamp, uint256 earliest);
    error MarketUnknown(uint8 market, uint8 count);
    error ReporterCount(uint256 found, uint256 min, uint256 max);
    error ReporterZero(uint256 position);
    error ReporterTwice(address reporter, uint256 first, uint256 second);
    error ReporterSetUnknown(uint16 set, uint16 count);
    /// An expiry lies at 08:00 UTC, in the future, before 2100.
    error ExpiryHour(uint24 expiry, uint256 hourOfDay);
    error ExpiryPassed(uint24 expiry, uint256 timestamp);
    error ExpiryTooLate(uint24 expiry, uint24 end);
    error ExpiryOpen(uint8 market, uint24 expiry);
    error ExpiryUnknown(uint8 market, uint24 expiry);
    error CapZero();
    error KindUnknown(uint8 kind);
    /// The cap lies above every strike listed, or nobody could owe what a call pays.
    error StrikeNotBelowCap(uint256 strike, uint56 cap);
    error InstrumentListedAlready(string symbol, uint24 instrument);

    event MarketListed(uint8 indexed market, string name, uint32 tickValue, uint32 strikeValue);
    event FeesSet(
        uint8 indexed market,
        int32 oldTaker,
        int32 oldMaker,
        int32 newTaker,
        int32 newMaker,
        uint40 activeAt
    );
    event ReporterSetAdded(uint16 indexed set, address[] reporters);
    event ExpiryOpened(
        uint8 indexed market, uint24 indexed expiry, uint56 cap, uint16 reporterSet
    );
    event InstrumentListed(
        uint24 indexed instrument,
        uint8 market,
        uint8 kind,
        uint24 expiry,
        uint24 strike,
        string symbol
    );

    struct NewInstrument {
        uint8 market;
        uint8 kind;
        uint24 expiry;
        uint24 strike;
    }

    // --- owner
    function listMarket(
        string calldata name,
        uint32 tickValue,
        uint32 strikeValue,
        int32 taker,
        int32 maker
    ) external returns (uint8 market);
    /// The new rates hold from `activeAt` >= now on; no further change before
    /// activeAt + lag + W + 2A, when every batch that the old rates judge is final.
    function setFees(uint8 market, int32 taker, int32 maker, uint40 activeAt) external;
    /// 1 to 32 distinct addresses; a report names its reporter by the index in this list.
    function addReporterSet(address[] calldata reporters) external returns (uint16 set);
    /// Once per market and expiry. Warning: the reporters chosen here settle it, nobody else.
    function openExpiry(uint8 market, uint24 expiry, uint56 cap, uint16 reporterSet) external;

    // --- owner or current operator
    /// All of them or none; the first gets the returned index, the others follow.
    function listInstruments(NewInstrument[] calldata list) external returns (uint24 first);

    // --- views
    function registry() external view returns (address);
    function marketCount() external view returns (uint8);
    function instrumentCount() external view returns (uint24); // indices 1..count
    function marketOf(uint8 market)
        external
        view
        returns (string memory name, uint32 tickValue, uint32 strikeValue);
    function feesOf(uint8 market)
        external
        view
        returns (int32 oldTaker, int32 oldMaker, int32 newTaker, int32 newMaker, uint40 activeAt);
    function expiryOf(uint8 market, uint24 expiry)
        external
        view
        returns (uint56 cap, uint16 reporterSet);
    function reporterSetOf(uint16 set) external view returns (address[] memory);
    function instrumentOf(uint24 instrument)
        external
        view
        returns (uint8 market, uint8 kind, uint24 expiry, uint24 strike);
    /// The positions of a leaf as margin takes them, in the leaf's order. Assumes: its shape was
    /// checked.
    function legsOf(bytes32[] calldata leaf) external view returns (Leg[] memory);
    function symbolOf(uint24 instrument) external view returns (string memory);
    /// Index by keccak256(symbol); 0 if there is none.
    function indexOf(bytes32 symbolHash) external view returns (uint24);
}
