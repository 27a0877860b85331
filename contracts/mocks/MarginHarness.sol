// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IMarkets} from "../interfaces/IMarkets.sol";
import {ISettlementPrices} from "../interfaces/ISettlementPrices.sol";
import {Leaf} from "../libraries/Leaf.sol";
import {Margin} from "../libraries/Margin.sol";
import {KIND_CALL} from "../types/InstrumentWord.sol";
import {Position} from "../types/LeafWord.sol";
import {Leg, LegLibrary} from "../types/Leg.sol";
import {PriceWord, PriceWordLibrary} from "../types/PriceWord.sol";

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
        bytes32[] calldata leaf,
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
        return
            Margin.worst(leaf, IMarkets(address(this)), ISettlementPrices(address(this)), before);
    }

    function pricesOf(uint32[] calldata series) external view returns (PriceWord[] memory words) {
        words = new PriceWord[](series.length);
        for (uint256 i; i < series.length; ++i) {
            ExpiryTerms memory terms = _expiry(uint8(series[i] >> 24), uint24(series[i]));
            words[i] = PriceWordLibrary.make(terms.price, terms.fixedAt);
        }
    }

    function legsOf(bytes32[] calldata leaf) external view returns (Leg[] memory legs) {
        Position[] memory positions = Leaf.positions(leaf);
        legs = new Leg[](positions.length);
        for (uint256 i; i < positions.length; ++i) {
            uint24 instrument = positions[i].instrument();
            InstrumentTerms memory terms = _instruments[instrument];
            require(terms.instrument != 0, NotTold(instrument));
            MarketTerms memory market = _markets[terms.market];
            require(market.market != 0, NotTold(terms.market));
            legs[i] = LegLibrary.make(
                terms.market,
                terms.expiry,
                _expiry(terms.market, terms.expiry).cap,
                uint56(uint256(terms.strike) * market.strikeValue),
                terms.kind == KIND_CALL,
                positions[i].lots()
            );
        }
    }

    function _expiry(uint8 market, uint24 expiry) private view returns (ExpiryTerms memory terms) {
        terms = _expiries[market][expiry];
        require(terms.cap != 0, NotTold(expiry));
    }
}
