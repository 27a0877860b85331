// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Markets, expiries, instruments. Everything here is write-once or dated.
interface IMarkets {
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
    event ExpiryOpened(uint8 indexed market, uint24 indexed expiry, uint56 cap, uint16 reporterSet);
    event InstrumentListed(
        uint24 indexed instrument, uint8 market, uint8 kind, uint24 expiry, uint24 strike, string symbol
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
    /// The new rates hold from `activeAt` >= now on; no further change before activeAt + W + 2A.
    function setFees(uint8 market, int32 taker, int32 maker, uint40 activeAt) external;
    function addReporterSet(address[] calldata reporters) external returns (uint16 set);
    function openExpiry(uint8 market, uint24 expiry, uint56 cap, uint16 reporterSet) external;

    // --- owner or current operator
    function listInstruments(NewInstrument[] calldata list) external returns (uint24 first);

    // --- views
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
    function expiryOf(uint8 market, uint24 expiry) external view returns (uint56 cap, uint16 reporterSet);
    function reporterSetOf(uint16 set) external view returns (address[] memory);
    function instrumentOf(uint24 instrument)
        external
        view
        returns (uint8 market, uint8 kind, uint24 expiry, uint24 strike);
    function symbolOf(uint24 instrument) external view returns (string memory);
    /// Index by keccak256(symbol); 0 if there is none.
    function indexOf(bytes32 symbolHash) external view returns (uint24);
}
