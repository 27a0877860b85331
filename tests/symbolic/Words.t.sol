// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {
    AccountA,
    AccountALibrary,
    AccountB
} from "../../contracts/types/AccountWords.sol";
import {ExpiryWord, ExpiryWordLibrary} from "../../contracts/types/ExpiryWord.sol";
import {FeesWord, FeesWordLibrary} from "../../contracts/types/FeesWord.sol";
import {HeadWord} from "../../contracts/types/HeadWord.sol";
import {HeaderInfo, HeaderInfoLibrary} from "../../contracts/types/HeaderInfo.sol";
import {Instrument, InstrumentLibrary, InstrumentWord} from "../../contracts/types/InstrumentWord.sol";
import {KeyWord, KeyWordLibrary} from "../../contracts/types/KeyWord.sol";
import {LeafWord, LeafWordLibrary, Position, PositionLibrary} from "../../contracts/types/LeafWord.sol";
import {Leg, LegLibrary} from "../../contracts/types/Leg.sol";
import {MarketWord, MarketWordLibrary} from "../../contracts/types/MarketWord.sol";
import {PriceWord, PriceWordLibrary} from "../../contracts/types/PriceWord.sol";
import {RingWord, RingWordLibrary} from "../../contracts/types/RingWord.sol";
import {VaultWord, VaultWordLibrary} from "../../contracts/types/VaultWord.sol";

/// The packed words: a field is read as it was packed, and a setter touches its field alone, on top
/// of whatever stood there. INV-S8. The masks are written out here, field by field, from the tables
/// above the types.
contract WordsTest {
    // --- written once: fields

    function check_inv_s8_leaf_word_is_read_as_packed(
        int64 cash,
        uint64 exited,
        uint56 credited,
        uint24 served,
        uint8 count
    ) public pure {
        LeafWord word = LeafWordLibrary.make(cash, exited, credited, served, count);
        assert(word.cash() == cash && word.exited() == exited && word.credited() == credited);
        assert(word.served() == served && word.count() == count);
        assert(word.rule() == 0 && word.epoch() == 0);
    }

    /// No bit of a word is outside its fields: what the getters say is all that it says.
    function check_inv_s8_leaf_word_has_one_spelling(bytes32 raw) public pure {
        LeafWord word = LeafWord.wrap(raw);
        if (word.rule() != 0 || word.epoch() != 0) return;
        LeafWord same = LeafWordLibrary.make(
            word.cash(), word.exited(), word.credited(), word.served(), word.count()
        );
        assert(LeafWord.unwrap(same) == raw);
    }

    function check_inv_s8_position_is_read_as_packed(uint24 instrument, int40 lots) public pure {
        Position position = PositionLibrary.make(instrument, lots);
        assert(position.instrument() == instrument && position.lots() == lots);
        assert(position.isEmpty() == (instrument == 0 && lots == 0));
    }

    function check_inv_s8_position_has_one_spelling(uint64 raw) public pure {
        Position position = Position.wrap(raw);
        Position same = PositionLibrary.make(position.instrument(), position.lots());
        assert(Position.unwrap(same) == raw);
    }

    function check_inv_s8_header_info_is_read_as_packed(
        uint8 version,
        uint16 operator,
        uint8 mode,
        uint40 id,
        uint40 builtAt,
        uint16 chunkCount
    ) public pure {
        HeaderInfo info =
            HeaderInfoLibrary.make(version, operator, mode, id, builtAt, chunkCount);
        assert(info.version() == version && info.operator() == operator && info.mode() == mode);
        assert(info.id() == id && info.builtAt() == builtAt && info.chunkCount() == chunkCount);
        assert(uint128(uint256(HeaderInfo.unwrap(info))) == 0);
    }

    function check_inv_s8_key_word_is_read_as_packed(uint40 from, uint40 until) public pure {
        KeyWord word = KeyWordLibrary.make(from, until);
        assert(word.validFrom() == from && word.validUntil() == until);
        assert(word.isEmpty() == (from == 0 && until == 0));
        assert(KeyWord.unwrap(word) >> 80 == 0);
    }

    function check_inv_s8_fees_word_is_read_as_packed(
        int32 oldTaker,
        int32 oldMaker,
        int32 newTaker,
        int32 newMaker,
        uint40 activeAt
    ) public pure {
        FeesWord word = FeesWordLibrary.make(oldTaker, oldMaker, newTaker, newMaker, activeAt);
        assert(word.oldTaker() == oldTaker && word.oldMaker() == oldMaker);
        assert(word.newTaker() == newTaker && word.newMaker() == newMaker);
        assert(word.activeAt() == activeAt && uint88(FeesWord.unwrap(word)) == 0);
    }

    /// INV-S9: which rates hold is a matter of builtAt alone.
    function check_inv_s9_fees_are_those_of_built_at(FeesWord word, uint256 builtAt) public pure {
        (int32 taker, int32 maker) = word.ratesAt(builtAt);
        bool isNew = builtAt >= word.activeAt();
        assert(taker == (isNew ? word.newTaker() : word.oldTaker()));
        assert(maker == (isNew ? word.newMaker() : word.oldMaker()));
    }

    function check_inv_s8_instrument_is_read_as_packed(
        uint8 market,
        uint8 kind,
        uint24 expiry,
        uint24 strike
    ) public pure {
        Instrument instrument = InstrumentLibrary.make(market, kind, expiry, strike);
        assert(instrument.market() == market && instrument.kind() == kind);
        assert(instrument.expiry() == expiry && instrument.strike() == strike);
    }

    function check_inv_s8_expiry_word_is_read_as_packed(uint56 cap, uint16 set, uint32 strike)
        public
        pure
    {
        ExpiryWord word = ExpiryWordLibrary.make(cap, set, strike);
        assert(word.cap() == cap && word.reporterSet() == set && word.strikeValue() == strike);
        assert(uint152(ExpiryWord.unwrap(word)) == 0);
    }

    function check_inv_s8_price_word_is_read_as_packed(uint64 price, uint40 date) public pure {
        PriceWord word = PriceWordLibrary.make(price, date);
        assert(word.price() == price && word.date() == date);
        assert(word.isEmpty() == (price == 0 && date == 0));
        assert(uint152(PriceWord.unwrap(word)) == 0);
    }

    function check_inv_s8_market_word_is_read_as_packed(bytes8 name, uint32 tick, uint32 strike)
        public
        pure
    {
        MarketWord word = MarketWordLibrary.make(name, tick, strike);
        assert(word.name() == name && word.tickValue() == tick && word.strikeValue() == strike);
        assert(uint128(MarketWord.unwrap(word)) == 0);
    }

    function check_inv_s8_leg_is_read_as_packed(
        uint8 market,
        uint24 expiry,
        uint56 cap,
        uint56 strike,
        bool isCall,
        int40 lots
    ) public pure {
        Leg leg = LegLibrary.make(market, expiry, cap, strike, isCall, lots);
        assert(leg.market() == market && leg.expiry() == expiry && leg.strike() == strike);
        assert(leg.cap() == cap && leg.isCall() == isCall && leg.lots() == lots);
        assert(leg.series() == uint32(market) << 24 | expiry);
    }

    function check_inv_s5_leg_is_passed_iff_its_expiry_is_before(Leg leg, uint256 time) public pure {
        assert(leg.isPassed(time) == (uint256(leg.expiry()) * 3600 < time));
    }

    /// INV-S5: sorted as numbers, the legs of a series, which has one cap, stand together, by
    /// ascending strike.
    function check_inv_s5_legs_sort_by_series_and_strike(
        uint32 series,
        uint32 otherSeries,
        uint56 cap,
        uint56 otherCap,
        uint56 strike,
        uint56 otherStrike,
        bool isCall,
        bool otherIsCall,
        int40 lots
    ) public pure {
        if (series == otherSeries) otherCap = cap;
        Leg one = _leg(series, cap, strike, isCall, lots);
        Leg other = _leg(otherSeries, otherCap, otherStrike, otherIsCall, -1);
        assert(one.isBeside(other) == (series == otherSeries));
        if (series < otherSeries || (series == otherSeries && strike < otherStrike)) {
            assert(Leg.unwrap(one) < Leg.unwrap(other));
        }
    }

    function _leg(uint32 series, uint56 cap, uint56 strike, bool isCall, int40 lots)
        private
        pure
        returns (Leg)
    {
        return LegLibrary.make(uint8(series >> 24), uint24(series), cap, strike, isCall, lots);
    }

    // --- the ring (INV-S9: no batch is convicted for another's words)

    function check_inv_s9_ring_word_is_read_as_packed(bytes32 batchHash, uint40 time) public pure {
        RingWord word = RingWordLibrary.make(batchHash, time);
        assert(word.committedAt() == time);
        assert(word.parent() == bytes32(uint256(batchHash) & ~uint256(type(uint40).max)));
    }

    /// The 216 bits decide, whatever the time; an unused place binds nothing.
    function check_inv_s9_ring_word_binds_its_hash_alone(bytes32 raw, bytes32 batchHash) public pure {
        RingWord word = RingWord.wrap(raw);
        bool same = uint256(raw) >> 40 == uint256(batchHash) >> 40;
        assert(word.binds(batchHash) == (same && raw != 0));
    }

    // --- rewritten: a setter touches its field alone

    function check_inv_s8_account_a_setter_touches_its_fields(
        AccountA word,
        uint56 total,
        uint40 time
    ) public pure {
        AccountA next = word.setDeposited(total, time);
        assert(next.owner() == word.owner() && next.deposited() == total);
        assert(next.depositedAt() == time);
    }

    function check_inv_s8_account_a_is_read_as_packed(address owner, uint56 total, uint40 time)
        public
        pure
    {
        AccountA word = AccountALibrary.make(owner, total, time);
        assert(word.owner() == owner && word.deposited() == total && word.depositedAt() == time);
    }

    function check_inv_s8_account_b_setters_touch_their_fields(
        AccountB word,
        uint64 claimed,
        uint40 ordersUntil,
        uint24 asks,
        uint40 askedAt
    ) public pure {
        uint256 raw = AccountB.unwrap(word);
        AccountB next = word.setClaimed(claimed);
        assert(next.claimed() == claimed);
        assert(_sameBut(raw, AccountB.unwrap(next), 192, 64));
        next = word.setOrdersUntil(ordersUntil);
        assert(next.ordersUntil() == ordersUntil);
        assert(_sameBut(raw, AccountB.unwrap(next), 152, 40));
        next = word.setAsks(asks, askedAt);
        assert(next.asks() == asks && next.askedAt() == askedAt);
        assert(_sameBut(raw, AccountB.unwrap(next), 88, 64));
    }

    function check_inv_s8_vault_word_setters_touch_their_fields(
        VaultWord word,
        uint64 total,
        uint24 count
    ) public pure {
        uint256 raw = VaultWord.unwrap(word);
        VaultWord next = word.setTotal(total);
        assert(next.total() == total);
        assert(_sameBut(raw, VaultWord.unwrap(next), 192, 64));
        next = word.setAccountCount(count);
        assert(next.accountCount() == count);
        assert(_sameBut(raw, VaultWord.unwrap(next), 168, 24));
        next = word.setFrozen();
        assert(next.frozen());
        assert(_sameBut(raw, VaultWord.unwrap(next), 160, 1));
    }

    function check_inv_s8_vault_word_is_read_as_packed(uint64 total, uint24 count) public pure {
        VaultWord word = VaultWordLibrary.make(total, count);
        assert(word.total() == total && word.accountCount() == count && !word.frozen());
    }

    function check_inv_s8_head_word_setters_touch_their_fields(
        HeadWord word,
        uint40 value,
        uint16 operator
    ) public pure {
        uint256 raw = HeadWord.unwrap(word);
        HeadWord next = word.setId(value);
        assert(next.id() == value && _sameBut(raw, HeadWord.unwrap(next), 216, 40));
        next = word.setTop(value);
        assert(next.top() == value && _sameBut(raw, HeadWord.unwrap(next), 176, 40));
        next = word.setBuiltAt(value);
        assert(next.builtAt() == value && _sameBut(raw, HeadWord.unwrap(next), 136, 40));
        next = word.setLastRevertAt(value);
        assert(next.lastRevertAt() == value && _sameBut(raw, HeadWord.unwrap(next), 96, 40));
        next = word.setOperator(operator);
        assert(next.operator() == operator && _sameBut(raw, HeadWord.unwrap(next), 80, 16));
    }

    function check_inv_s8_head_word_flags_touch_their_bits(HeadWord word, bool paused) public pure {
        uint256 raw = HeadWord.unwrap(word);
        HeadWord next = word.setStarted();
        assert(next.started() && _sameBut(raw, HeadWord.unwrap(next), 72, 1));
        next = word.setPaused(paused);
        assert(next.paused() == paused && _sameBut(raw, HeadWord.unwrap(next), 73, 1));
        next = word.setFrozen();
        assert(next.frozen() && _sameBut(raw, HeadWord.unwrap(next), 74, 1));
    }

    function check_inv_s8_instrument_word_setter_touches_its_quarter(
        InstrumentWord word,
        uint24 index,
        uint24 other,
        Instrument value
    ) public pure {
        InstrumentWord next = word.set(index, value);
        assert(Instrument.unwrap(next.get(index)) == Instrument.unwrap(value));
        if (index % 4 == other % 4) return;
        assert(Instrument.unwrap(next.get(other)) == Instrument.unwrap(word.get(other)));
    }

    /// Whether two words agree outside `bits` bits from bit `from` on.
    function _sameBut(uint256 a, uint256 b, uint256 from, uint256 bits) private pure returns (bool) {
        return (a ^ b) & ~((1 << bits) - 1 << from) == 0;
    }
}
