// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IBatchRegistry} from "./interfaces/IBatchRegistry.sol";
import {IMarkets} from "./interfaces/IMarkets.sol";
import {Leaf} from "./libraries/Leaf.sol";
import {Symbol} from "./libraries/Symbol.sol";
import {ExpiryWord, ExpiryWordLibrary} from "./types/ExpiryWord.sol";
import {FeesWord, FeesWordLibrary} from "./types/FeesWord.sol";
import {
    Instrument,
    InstrumentLibrary,
    InstrumentWord,
    KIND_CALL,
    KIND_PUT
} from "./types/InstrumentWord.sol";
import {LeafWord, Position} from "./types/LeafWord.sol";
import {Leg, LegLibrary} from "./types/Leg.sol";
import {MarketWord, MarketWordLibrary} from "./types/MarketWord.sol";

/// @title Markets, expiries and instruments (section 4)
/// @notice Nothing listed here ever changes or goes away, but fees, which are dated: a prover reads
/// of an old batch exactly what its operator read.
contract Markets is IMarkets {
    uint256 private constant _NAME_MIN = 2;
    uint256 private constant _NAME_MAX = 8;
    uint256 private constant _REPORTERS_MAX = 32;
    uint24 private constant _EXPIRY_HOUR = 8; // 08:00 UTC
    uint24 private constant _EXPIRY_END = 1_139_568; // 2100-01-01 00:00 UTC, in hours

    address public immutable registry;
    uint40 private immutable _finalAfter; // W + 2A
    uint40 private immutable _lag;

    uint8 public marketCount;
    uint24 public instrumentCount;
    uint16 private _reporterSetCount;

    mapping(uint8 market => MarketWord) private _markets;
    mapping(uint8 market => FeesWord) private _fees;
    mapping(bytes8 name => uint8 market) private _marketByName;
    mapping(uint16 set => address[]) private _reporters;
    mapping(uint8 market => mapping(uint24 expiry => ExpiryWord)) private _expiries;
    mapping(uint24 word => InstrumentWord) private _instruments;
    mapping(bytes32 symbolHash => uint24 instrument) public indexOf;

    modifier onlyOwner() {
        address owner = IBatchRegistry(registry).owner();
        require(msg.sender == owner, NotOwner(msg.sender, owner));
        _;
    }

    /// Assumes: `registry_` is deployed already.
    constructor(address registry_) {
        registry = registry_;
        _finalAfter = IBatchRegistry(registry_).finalAfter();
        _lag = IBatchRegistry(registry_).lag();
    }

    // --- owner

    /// @inheritdoc IMarkets
    function listMarket(
        string calldata name,
        uint32 tickValue,
        uint32 strikeValue,
        int32 taker,
        int32 maker
    ) external onlyOwner returns (uint8 market) {
        bytes8 packedName = _packName(bytes(name));
        require(_marketByName[packedName] == 0, NameTaken(name));
        require(tickValue != 0 && strikeValue != 0, ZeroValue(tickValue, strikeValue));
        _requireFees(taker, maker);
        require(marketCount < type(uint8).max, TooMany(marketCount, type(uint8).max));

        market = ++marketCount;
        _markets[market] = MarketWordLibrary.make(packedName, tickValue, strikeValue);
        _marketByName[packedName] = market;
        // Old and new alike, active since ever: the first change may come at once.
        _fees[market] = FeesWordLibrary.make(taker, maker, taker, maker, 0);

        emit MarketListed(market, name, tickValue, strikeValue);
        emit FeesSet(market, taker, maker, taker, maker, 0);
    }

    /// @inheritdoc IMarkets
    function setFees(uint8 market, int32 taker, int32 maker, uint40 activeAt) external onlyOwner {
        _requireMarket(market);
        _requireFees(taker, maker);
        require(activeAt >= block.timestamp, FeesInPast(activeAt, block.timestamp));
        FeesWord fees = _fees[market];
        // A batch opened just before activeAt is committed up to `lag` later. Until it is final the
        // rates that judge it must stay.
        uint256 earliest = uint256(fees.activeAt()) + _lag + _finalAfter;
        require(block.timestamp >= earliest, FeesTooSoon(block.timestamp, earliest));

        (int32 oldTaker, int32 oldMaker) = (fees.newTaker(), fees.newMaker());
        _fees[market] = FeesWordLibrary.make(oldTaker, oldMaker, taker, maker, activeAt);

        emit FeesSet(market, oldTaker, oldMaker, taker, maker, activeAt);
    }

    /// @inheritdoc IMarkets
    function addReporterSet(address[] calldata reporters) external onlyOwner returns (uint16 set) {
        uint256 count = reporters.length;
        require(count != 0 && count <= _REPORTERS_MAX, ReporterCount(count, 1, _REPORTERS_MAX));
        for (uint256 i; i < count; ++i) {
            require(reporters[i] != address(0), ReporterZero(i));
            for (uint256 j; j < i; ++j) {
                require(reporters[i] != reporters[j], ReporterTwice(reporters[i], j, i));
            }
        }
        require(_reporterSetCount < type(uint16).max, TooMany(_reporterSetCount, type(uint16).max));

        set = ++_reporterSetCount;
        _reporters[set] = reporters;

        emit ReporterSetAdded(set, reporters);
    }

    /// @inheritdoc IMarkets
    function openExpiry(uint8 market, uint24 expiry, uint56 cap, uint16 reporterSet)
        external
        onlyOwner
    {
        _requireMarket(market);
        require(expiry % 24 == _EXPIRY_HOUR, ExpiryHour(expiry, expiry % 24));
        _requireFuture(expiry);
        require(expiry < _EXPIRY_END, ExpiryTooLate(expiry, _EXPIRY_END));
        require(cap != 0, CapZero());
        require(
            reporterSet != 0 && reporterSet <= _reporterSetCount,
            ReporterSetUnknown(reporterSet, _reporterSetCount)
        );
        require(_expiries[market][expiry].isEmpty(), ExpiryOpen(market, expiry));

        uint32 strikeValue = _markets[market].strikeValue();
        _expiries[market][expiry] = ExpiryWordLibrary.make(cap, reporterSet, strikeValue);

        emit ExpiryOpened(market, expiry, cap, reporterSet);
    }

    // --- owner or current operator

    /// @inheritdoc IMarkets
    function listInstruments(NewInstrument[] calldata list) external returns (uint24 first) {
        address owner = IBatchRegistry(registry).owner();
        address operator = IBatchRegistry(registry).currentOperator();
        require(
            msg.sender == owner || msg.sender == operator, NotLister(msg.sender, owner, operator)
        );
        uint256 count = instrumentCount;
        uint256 end = count + list.length;
        require(end <= type(uint24).max, TooMany(end, type(uint24).max));

        first = uint24(count + 1);
        for (uint256 i; i < list.length; ++i) {
            _list(uint24(count + 1 + i), list[i]);
        }
        instrumentCount = uint24(end);
    }

    // --- views

    /// @inheritdoc IMarkets
    function marketOf(uint8 market)
        external
        view
        returns (string memory name, uint32 tickValue, uint32 strikeValue)
    {
        MarketWord word = _markets[market];
        return (_unpackName(word.name()), word.tickValue(), word.strikeValue());
    }

    /// @inheritdoc IMarkets
    function feesOf(uint8 market)
        external
        view
        returns (int32 oldTaker, int32 oldMaker, int32 newTaker, int32 newMaker, uint40 activeAt)
    {
        FeesWord word = _fees[market];
        return
            (word.oldTaker(), word.oldMaker(), word.newTaker(), word.newMaker(), word.activeAt());
    }

    /// @inheritdoc IMarkets
    function expiryOf(uint8 market, uint24 expiry)
        external
        view
        returns (uint56 cap, uint16 reporterSet)
    {
        ExpiryWord word = _expiries[market][expiry];
        return (word.cap(), word.reporterSet());
    }

    /// @inheritdoc IMarkets
    function reporterSetOf(uint16 set) external view returns (address[] memory) {
        return _reporters[set];
    }

    /// @inheritdoc IMarkets
    function instrumentOf(uint24 instrument)
        external
        view
        returns (uint8 market, uint8 kind, uint24 expiry, uint24 strike)
    {
        Instrument word = _instrument(instrument);
        return (word.market(), word.kind(), word.expiry(), word.strike());
    }

    /// @inheritdoc IMarkets
    function legsOf(bytes32[] calldata leaf) external view returns (Leg[] memory legs) {
        uint256 count = LeafWord.wrap(leaf[0]).count();
        legs = new Leg[](count);
        uint256 word; // position i is its first quarter
        for (uint256 i; i < count; ++i) {
            word = i % 4 == 0 ? uint256(leaf[2 + i / 4]) : word << 64;
            legs[i] = _leg(Position.wrap(uint64(word >> 192)));
        }
    }

    /// @inheritdoc IMarkets
    function symbolOf(uint24 instrument) external view returns (string memory) {
        Instrument word = _instrument(instrument);
        return !word.isEmpty() ? _symbol(word) : "";
    }

    // --- private

    /// Lists one instrument at the next index.
    function _list(uint24 index, NewInstrument calldata item) private {
        ExpiryWord expiry = _expiries[item.market][item.expiry];
        require(!expiry.isEmpty(), ExpiryUnknown(item.market, item.expiry));
        _requireFuture(item.expiry);
        require(item.kind <= KIND_PUT, KindUnknown(item.kind));
        uint256 strike = uint256(item.strike) * expiry.strikeValue();
        require(strike < expiry.cap(), StrikeNotBelowCap(strike, expiry.cap()));

        Instrument instrument =
            InstrumentLibrary.make(item.market, item.kind, item.expiry, item.strike);
        string memory symbol = _symbol(instrument);
        bytes32 symbolHash = keccak256(bytes(symbol));
        uint24 listed = indexOf[symbolHash];
        require(listed == 0, InstrumentListedAlready(symbol, listed));

        indexOf[symbolHash] = index;
        _instruments[index / 4] = _instruments[index / 4].set(index, instrument);

        emit InstrumentListed(index, item.market, item.kind, item.expiry, item.strike, symbol);
    }

    function _leg(Position position) private view returns (Leg) {
        Instrument word = _instrument(position.instrument());
        if (word.isEmpty()) return LegLibrary.make(0, 0, 0, 0, false, position.lots());
        (uint8 market, uint24 expiry) = (word.market(), word.expiry());
        ExpiryWord terms = _expiries[market][expiry];
        unchecked {
            // Below 2^24 * 2^32.
            uint56 strike = uint56(uint256(word.strike()) * terms.strikeValue());
            bool isCall = word.kind() == KIND_CALL;
            return LegLibrary.make(market, expiry, terms.cap(), strike, isCall, position.lots());
        }
    }

    function _instrument(uint24 index) private view returns (Instrument) {
        return _instruments[index / 4].get(index);
    }

    function _symbol(Instrument instrument) private view returns (string memory) {
        return Symbol.derive(
            _unpackName(_markets[instrument.market()].name()),
            instrument.kind(),
            instrument.expiry(),
            instrument.strike()
        );
    }

    function _requireMarket(uint8 market) private view {
        require(market != 0 && market <= marketCount, MarketUnknown(market, marketCount));
    }

    function _requireFuture(uint24 expiry) private view {
        require(uint256(expiry) * 1 hours > block.timestamp, ExpiryPassed(expiry, block.timestamp));
    }

    /// A taker is never paid, and a rebate to the maker comes out of what the taker pays. Else
    /// trading with oneself would take money from the fee account.
    function _requireFees(int32 taker, int32 maker) private pure {
        require(taker >= 0 && int256(taker) + maker >= 0, FeesNegative(taker, maker));
    }

    function _packName(bytes calldata name) private pure returns (bytes8) {
        uint256 length = name.length;
        require(
            length >= _NAME_MIN && length <= _NAME_MAX, NameLength(length, _NAME_MIN, _NAME_MAX)
        );
        for (uint256 i; i < length; ++i) {
            bytes1 c = name[i];
            require((c >= "A" && c <= "Z") || (c >= "0" && c <= "9"), NameCharacter(c, i));
        }
        return bytes8(name);
    }

    function _unpackName(bytes8 name) private pure returns (string memory) {
        uint256 length;
        while (length < _NAME_MAX && name[length] != 0) ++length;
        bytes memory text = new bytes(length);
        for (uint256 i; i < length; ++i) {
            text[i] = name[i];
        }
        return string(text);
    }
}
