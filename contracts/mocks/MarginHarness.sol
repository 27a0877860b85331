// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IMarkets} from "../interfaces/IMarkets.sol";
import {ISettlementPrices} from "../interfaces/ISettlementPrices.sol";
import {Margin} from "../libraries/Margin.sol";
import {Position} from "../types/LeafWord.sol";

/// `Margin.worst` over terms that a test makes up, among them such as Markets would never list. Is
/// its own market list and price list, and refuses to be asked about what it was not told.
contract MarginHarness {
    struct MarketTerms {
        uint8 market;
        uint32 strikeValue;
    }

    struct ExpiryTerms {
        uint8 market;
        uint24 expiry;
        uint56 cap;
        uint64 price;
        uint40 fixedAt;
    }

    struct InstrumentTerms {
        uint24 instrument;
        uint8 market;
        uint8 kind;
        uint24 expiry;
        uint24 strike;
    }

    error NotTold(uint256 key);

    mapping(uint8 market => MarketTerms) private _markets;
    mapping(uint8 market => mapping(uint24 expiry => ExpiryTerms)) private _expiries;
    mapping(uint24 instrument => InstrumentTerms) private _instruments;

    /// Takes down the terms, then asks. Tests call it without a transaction, so nothing stays.
    function worst(
        int256 cash,
        Position[] calldata positions,
        MarketTerms[] calldata marketTerms,
        ExpiryTerms[] calldata expiryTerms,
        InstrumentTerms[] calldata instrumentTerms,
        uint256 before
    ) external returns (int256) {
        for (uint256 i; i < marketTerms.length; ++i) {
            _markets[marketTerms[i].market] = marketTerms[i];
        }
        for (uint256 i; i < expiryTerms.length; ++i) {
            _expiries[expiryTerms[i].market][expiryTerms[i].expiry] = expiryTerms[i];
        }
        for (uint256 i; i < instrumentTerms.length; ++i) {
            _instruments[instrumentTerms[i].instrument] = instrumentTerms[i];
        }
        return Margin.worst(
            cash, positions, IMarkets(address(this)), ISettlementPrices(address(this)), before
        );
    }

    function marketOf(uint8 market) external view returns (string memory, uint32, uint32) {
        MarketTerms memory terms = _markets[market];
        require(terms.market != 0, NotTold(market));
        return ("MOCK", 1, terms.strikeValue);
    }

    function expiryOf(uint8 market, uint24 expiry) external view returns (uint56, uint16) {
        return (_expiry(market, expiry).cap, 1);
    }

    function priceOf(uint8 market, uint24 expiry) external view returns (uint64, uint40) {
        ExpiryTerms memory terms = _expiry(market, expiry);
        return (terms.price, terms.fixedAt);
    }

    function instrumentOf(uint24 instrument) external view returns (uint8, uint8, uint24, uint24) {
        InstrumentTerms memory terms = _instruments[instrument];
        require(terms.instrument != 0, NotTold(instrument));
        return (terms.market, terms.kind, terms.expiry, terms.strike);
    }

    function _expiry(uint8 market, uint24 expiry) private view returns (ExpiryTerms memory terms) {
        terms = _expiries[market][expiry];
        require(terms.cap != 0, NotTold(expiry));
    }
}
