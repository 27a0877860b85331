// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccountA, AccountALibrary, AccountB} from "../types/AccountWords.sol";
import {ExpiryWord, ExpiryWordLibrary} from "../types/ExpiryWord.sol";
import {FeesWord, FeesWordLibrary} from "../types/FeesWord.sol";
import {HeadWord} from "../types/HeadWord.sol";
import {HeaderInfo, HeaderInfoLibrary} from "../types/HeaderInfo.sol";
import {Instrument, InstrumentLibrary, InstrumentWord} from "../types/InstrumentWord.sol";
import {KeyWord, KeyWordLibrary} from "../types/KeyWord.sol";
import {LeafWord, LeafWordLibrary, Position, PositionLibrary} from "../types/LeafWord.sol";
import {MarketWord, MarketWordLibrary} from "../types/MarketWord.sol";
import "../types/OpWord.sol";
import {PriceWord, PriceWordLibrary} from "../types/PriceWord.sol";
import {RingWord, RingWordLibrary} from "../types/RingWord.sol";

/// The packed words as a contract: for each a `make...` from fields and a `read...` to fields; for
/// those with setters a `set...` that sets all fields on top of whatever stood there.
contract WordHarness {
    struct HeadFields {
        uint40 id;
        uint40 top;
        uint40 builtAt;
        uint40 lastRevertAt;
        uint16 operator;
        bool started;
        bool paused;
        bool frozen;
    }

    function makeHeaderInfo(
        uint8 version,
        uint16 operator,
        uint8 mode,
        uint40 id,
        uint40 builtAt,
        uint16 chunkCount
    ) external pure returns (HeaderInfo) {
        return HeaderInfoLibrary.make(version, operator, mode, id, builtAt, chunkCount);
    }

    function readHeaderInfo(HeaderInfo word)
        external
        pure
        returns (uint8, uint16, uint8, uint40, uint40, uint16)
    {
        return (
            word.version(), word.operator(), word.mode(), word.id(), word.builtAt(), word.chunkCount()
        );
    }

    function makeRingWord(bytes32 batchHash, uint40 committedAt) external pure returns (RingWord) {
        return RingWordLibrary.make(batchHash, committedAt);
    }

    function readRingWord(RingWord word) external pure returns (bytes32 parent, uint40 committedAt) {
        return (word.parent(), word.committedAt());
    }

    function ringWordBinds(RingWord word, bytes32 batchHash) external pure returns (bool) {
        return word.binds(batchHash);
    }

    /// Flags that are set stay, but for `paused`.
    function setHeadWord(HeadWord word, HeadFields calldata f) external pure returns (HeadWord) {
        word = word.setId(f.id).setTop(f.top).setBuiltAt(f.builtAt);
        word = word.setLastRevertAt(f.lastRevertAt).setOperator(f.operator).setPaused(f.paused);
        if (f.started) word = word.setStarted();
        if (f.frozen) word = word.setFrozen();
        return word;
    }

    function readHeadWord(HeadWord word) external pure returns (HeadFields memory) {
        return HeadFields(
            word.id(),
            word.top(),
            word.builtAt(),
            word.lastRevertAt(),
            word.operator(),
            word.started(),
            word.paused(),
            word.frozen()
        );
    }

    function makeAccountA(address owner, uint56 deposited, uint40 depositedAt)
        external
        pure
        returns (AccountA)
    {
        return AccountALibrary.make(owner, deposited, depositedAt);
    }

    function setAccountA(AccountA word, uint56 deposited, uint40 depositedAt)
        external
        pure
        returns (AccountA)
    {
        return word.setDeposited(deposited, depositedAt);
    }

    function readAccountA(AccountA word) external pure returns (address, uint56, uint40) {
        return (word.owner(), word.deposited(), word.depositedAt());
    }

    function setAccountB(
        AccountB word,
        uint64 claimed,
        uint40 ordersUntil,
        uint24 asks,
        uint40 askedAt
    ) external pure returns (AccountB) {
        return word.setClaimed(claimed).setOrdersUntil(ordersUntil).setAsks(asks, askedAt);
    }

    function readAccountB(AccountB word) external pure returns (uint64, uint40, uint24, uint40) {
        return (word.claimed(), word.ordersUntil(), word.asks(), word.askedAt());
    }

    function makeKeyWord(uint40 validFrom, uint40 validUntil) external pure returns (KeyWord) {
        return KeyWordLibrary.make(validFrom, validUntil);
    }

    function readKeyWord(KeyWord word) external pure returns (uint40, uint40) {
        return (word.validFrom(), word.validUntil());
    }

    function makeLeafWord(int64 cash, uint64 exited, uint56 credited, uint24 served, uint8 count)
        external
        pure
        returns (LeafWord)
    {
        return LeafWordLibrary.make(cash, exited, credited, served, count);
    }

    function readLeafWord(LeafWord word)
        external
        pure
        returns (int64, uint64, uint56, uint24, uint8, uint8, uint32)
    {
        return (
            word.cash(),
            word.exited(),
            word.credited(),
            word.served(),
            word.count(),
            word.rule(),
            word.epoch()
        );
    }

    function makePosition(uint24 instrument, int40 lots) external pure returns (Position) {
        return PositionLibrary.make(instrument, lots);
    }

    function readPosition(Position word) external pure returns (uint24, int40) {
        return (word.instrument(), word.lots());
    }

    function setInstrument(
        InstrumentWord word,
        uint256 index,
        uint8 market,
        uint8 kind,
        uint24 expiry,
        uint24 strike
    ) external pure returns (InstrumentWord) {
        return word.set(index, InstrumentLibrary.make(market, kind, expiry, strike));
    }

    function readInstrument(InstrumentWord word, uint256 index)
        external
        pure
        returns (uint8, uint8, uint24, uint24)
    {
        Instrument one = word.get(index);
        return (one.market(), one.kind(), one.expiry(), one.strike());
    }

    function makeMarketWord(bytes8 name, uint32 tickValue, uint32 strikeValue)
        external
        pure
        returns (MarketWord)
    {
        return MarketWordLibrary.make(name, tickValue, strikeValue);
    }

    function readMarketWord(MarketWord word) external pure returns (bytes8, uint32, uint32) {
        return (word.name(), word.tickValue(), word.strikeValue());
    }

    function makeFeesWord(
        int32 oldTaker,
        int32 oldMaker,
        int32 newTaker,
        int32 newMaker,
        uint40 activeAt
    ) external pure returns (FeesWord) {
        return FeesWordLibrary.make(oldTaker, oldMaker, newTaker, newMaker, activeAt);
    }

    function readFeesWord(FeesWord word) external pure returns (int32, int32, int32, int32, uint40) {
        return (word.oldTaker(), word.oldMaker(), word.newTaker(), word.newMaker(), word.activeAt());
    }

    function feesAt(FeesWord word, uint40 builtAt) external pure returns (int32, int32) {
        return word.ratesAt(builtAt);
    }

    function makeExpiryWord(uint56 cap, uint16 reporterSet, uint32 strikeValue)
        external
        pure
        returns (ExpiryWord)
    {
        return ExpiryWordLibrary.make(cap, reporterSet, strikeValue);
    }

    function readExpiryWord(ExpiryWord word) external pure returns (uint56, uint16, uint32) {
        return (word.cap(), word.reporterSet(), word.strikeValue());
    }

    function makePriceWord(uint64 price, uint40 date) external pure returns (PriceWord) {
        return PriceWordLibrary.make(price, date);
    }

    function readPriceWord(PriceWord word) external pure returns (uint64, uint40) {
        return (word.price(), word.date());
    }

    // --- op words
    function kindOf(OpWord word) external pure returns (uint8) {
        return word.kind();
    }

    function isWellFormed(OpWord word) external pure returns (bool) {
        return word.isWellFormed();
    }

    function packFill(FillOp memory op) external pure returns (OpWord) {
        return OpWordLibrary.fromFill(op);
    }

    function unpackFill(OpWord word) external pure returns (FillOp memory) {
        return word.asFill();
    }

    function packCredit(CreditOp memory op) external pure returns (OpWord) {
        return OpWordLibrary.fromCredit(op);
    }

    function unpackCredit(OpWord word) external pure returns (CreditOp memory) {
        return word.asCredit();
    }

    function packWithdraw(WithdrawOp memory op) external pure returns (OpWord) {
        return OpWordLibrary.fromWithdraw(op);
    }

    function unpackWithdraw(OpWord word) external pure returns (WithdrawOp memory) {
        return word.asWithdraw();
    }

    function packSettle(SettleOp memory op) external pure returns (OpWord) {
        return OpWordLibrary.fromSettle(op);
    }

    function unpackSettle(OpWord word) external pure returns (SettleOp memory) {
        return word.asSettle();
    }

    function packTransfer(TransferOp memory op) external pure returns (OpWord) {
        return OpWordLibrary.fromTransfer(op);
    }

    function unpackTransfer(OpWord word) external pure returns (TransferOp memory) {
        return word.asTransfer();
    }

    function packRelease(ReleaseOp memory op) external pure returns (OpWord) {
        return OpWordLibrary.fromRelease(op);
    }

    function unpackRelease(OpWord word) external pure returns (ReleaseOp memory) {
        return word.asRelease();
    }

    function packRoot(bytes32 root) external pure returns (OpWord high, OpWord low) {
        return OpWordLibrary.fromRoot(root);
    }

    function rootHalf(OpWord word) external pure returns (uint128) {
        return word.half();
    }
}
