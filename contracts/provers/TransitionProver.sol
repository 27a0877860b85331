// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IBatchRegistry} from "../interfaces/IBatchRegistry.sol";
import {IMarkets} from "../interfaces/IMarkets.sol";
import {IProver} from "../interfaces/IProver.sol";
import {ISettlementPrices} from "../interfaces/ISettlementPrices.sol";
import {IVault} from "../interfaces/IVault.sol";
import {Account, Accounts} from "../libraries/Accounts.sol";
import {Chunks} from "../libraries/Chunks.sol";
import {Fees} from "../libraries/Fees.sol";
import {Margin} from "../libraries/Margin.sol";
import {Openings} from "../libraries/Openings.sol";
import {Slots} from "../libraries/Slots.sol";
import {Spots} from "../libraries/Spots.sol";
import {KIND_CALL} from "../types/InstrumentWord.sol";
import {
    CHUNK_OPS,
    CreditOp,
    FillOp,
    OP_CREDIT,
    OP_FILL,
    OP_NOP,
    OP_RELEASE,
    OP_SETTLE,
    OP_TRANSFER,
    OP_WITHDRAW,
    OpWord,
    ReleaseOp,
    SettleOp,
    TransferOp,
    WithdrawOp
} from "../types/OpWord.sol";
import {Header} from "../types/Proofs.sol";
import {Reader, ReaderLibrary} from "../types/Reader.sol";
import {Fault, Verdict} from "../types/Verdict.sol";

/// @title The lie: a chunk whose root does not follow from its words (sections 5 and 7)
/// @notice Executes one chunk again, op by op, each on the accounts as they stand after those before
/// it: every account is opened against the running root and leads to the next one.
///
///     1. open the chunk and the root before it
///     2. its shape: malformed is guilty already
///     3. each op: the rules of section 5, up to the first that is found broken
///     4. the fees, to account 0
///     5. the root that follows, against the one that is stated
///
/// The witness is laid out in docs/reference/witnesses.md.
contract TransitionProver is IProver {
    using Openings for Openings.Body;
    using Spots for Spots.Spot;

    /// A chunk while it is executed.
    struct Run {
        Reader reader;
        bytes32 root; // after the ops so far
        int256 fees; // of the ops so far, atoms
        uint256 builtAt; // all is judged by this time, seconds
        uint256 lag; // seconds
        uint256 accountCount; // indices below were opened, but 1
        // Of the market of the last fill; 0: none yet.
        uint8 market;
        uint256 tickValue; // atoms per tick and lot
        int256 takerRate; // atoms per lot
        int256 makerRate;
    }

    /// What one side of a fill has to book.
    struct Side {
        uint24 account;
        uint48 order;
        uint24 instrument;
        uint256 filled; // lots
        int256 lots; // bought; sold: negative
        int256 paid; // atoms, fee included
        uint256 cap; // atoms per lot
    }

    uint24 private constant _FEE_ACCOUNT = 0;
    uint24 private constant _NO_ACCOUNT = 1; // never opened
    uint24 private constant _FIRST_USER = 2;
    uint256 private constant _TAKER_SELLS = 1; // flag
    uint256 private constant _NOTIONAL_END = 1 << 62; // atoms
    uint256 private constant _POSITION_VALUE_MAX = 1 << 57; // |lots| * cap, atoms

    address public immutable registry;
    address public immutable vault;
    address public immutable markets;
    address public immutable prices;

    /// They may be deployed later.
    constructor(address registry_, address vault_, address markets_, address prices_) {
        registry = registry_;
        vault = vault_;
        markets = markets_;
        prices = prices_;
    }

    /// @inheritdoc IProver
    function judge(Header calldata header, Header calldata previous, bytes calldata witness)
        external
        view
        returns (Verdict memory verdict)
    {
        Run memory run;
        run.reader = ReaderLibrary.over(witness);
        Openings.Body memory body = Openings.begin(header, run.reader);
        uint256 number = run.reader.number(2);
        run.root = number == 0 ? previous.stateRoot : body.root(run.reader, number - 1);
        uint256[] memory words = body.chunk(run.reader, number);
        verdict.chunk = uint16(number);

        bool wellFormed;
        (wellFormed, verdict.place) = Chunks.isWellFormed(words);
        if (!wellFormed) {
            verdict.fault = Fault.MalformedChunk;
            return verdict;
        }

        run.builtAt = header.info.builtAt();
        run.lag = IBatchRegistry(registry).lag();
        run.accountCount = IVault(vault).accountCount();
        uint256 mark = _freeMemory();
        for (uint256 i; i < CHUNK_OPS; ++i) {
            verdict.fault = _apply(run, OpWord.wrap(words[i]));
            if (verdict.fault != Fault.None) {
                verdict.place = uint8(i);
                return verdict;
            }
            // Nothing outlives an op but numbers in `run`, so that 60 accounts take the memory of one.
            _resetMemory(mark);
        }

        // What is left concerns the whole chunk: `place` stands at 30.
        verdict.fault = _bookFees(run);
        if (verdict.fault != Fault.None) return verdict;
        verdict.root = run.root;
        if (run.root != Openings.statedBy(words[CHUNK_OPS], words[CHUNK_OPS + 1])) {
            verdict.fault = Fault.WrongRoot;
        }
    }

    // --- ops: each reads its accounts only where it is not already found invalid

    function _apply(Run memory run, OpWord word) private view returns (Fault) {
        uint8 kind = word.kind();
        if (kind == OP_FILL) return _fill(run, word.asFill());
        if (kind == OP_CREDIT) return _credit(run, word.asCredit());
        if (kind == OP_WITHDRAW) return _withdraw(run, word.asWithdraw());
        if (kind == OP_SETTLE) return _settle(run, word.asSettle());
        if (kind == OP_TRANSFER) return _transfer(run, word.asTransfer());
        if (kind == OP_RELEASE) return _release(run, word.asRelease());
        assert(kind == OP_NOP); // the chunk is well-formed
        return Fault.None;
    }

    function _fill(Run memory run, FillOp memory op) private view returns (Fault) {
        if (!_isOpened(run, op.taker) || !_isOpened(run, op.maker)) return Fault.AccountUnopened;
        if (op.taker < _FIRST_USER || op.maker < _FIRST_USER) return Fault.AccountReserved;
        if (op.taker == op.maker) return Fault.SameAccount;
        if (op.lots == 0) return Fault.ZeroLots;
        if (!Slots.isOrderId(op.takerOrder) || !Slots.isOrderId(op.makerOrder)) {
            return Fault.OrderIdTooLarge;
        }
        (uint8 market,, uint24 expiry,) = IMarkets(markets).instrumentOf(op.instrument);
        if (market == 0) return Fault.InstrumentUnlisted;
        if (run.builtAt + run.lag >= uint256(expiry) * 1 hours) return Fault.TooLate;
        _readMarket(run, market);
        uint256 notional = uint256(op.tick) * op.lots * run.tickValue;
        if (notional >= _NOTIONAL_END) return Fault.NotionalTooLarge;

        int256 takerFee = Fees.due(run.takerRate, op.lots, notional);
        int256 makerFee = Fees.due(run.makerRate, op.lots, notional);
        bool takerSells = op.flags & _TAKER_SELLS != 0;
        Side memory side;
        side.instrument = op.instrument;
        side.filled = op.lots;
        (side.cap,) = IMarkets(markets).expiryOf(market, expiry);

        int256 bought = takerSells ? -int256(uint256(op.lots)) : int256(uint256(op.lots));
        int256 price = takerSells ? -int256(notional) : int256(notional);
        (side.account, side.order) = (op.taker, op.takerOrder);
        (side.lots, side.paid) = (bought, price + takerFee);
        Fault fault = _book(run, side);
        if (fault != Fault.None) return fault;
        (side.account, side.order) = (op.maker, op.makerOrder);
        (side.lots, side.paid) = (-bought, makerFee - price);
        run.fees += takerFee + makerFee;
        return _book(run, side);
    }

    /// One side of a fill.
    function _book(Run memory run, Side memory side) private pure returns (Fault fault) {
        (Account memory account, Spots.Spot memory spot) = _open(run, side.account);
        (uint256 word, Spots.Spot memory slots) =
            Spots.slots(run.reader, account.slotsRoot, side.order);
        (fault, word) = Slots.use(word, side.order, side.filled);
        if (fault != Fault.None) return fault;
        account.slotsRoot = slots.rootWith(bytes32(word));

        account.cash -= side.paid;
        int256 held = account.addLots(side.instrument, side.lots);
        uint256 size = uint256(held < 0 ? -held : held);
        if (size * side.cap > _POSITION_VALUE_MAX) return Fault.PositionTooLarge;
        return _close(run, account, spot);
    }

    function _credit(Run memory run, CreditOp memory op) private view returns (Fault) {
        if (!_isOpened(run, op.account)) return Fault.AccountUnopened;
        (Account memory account, Spots.Spot memory spot) = _open(run, op.account);
        account.cash += int256(uint256(op.amount));
        account.credited += op.amount;
        // As it stands now: deposits only grow, so a credit that was backed still is.
        (, uint256 deposited,,,,,) = IVault(vault).accountOf(op.account);
        if (account.credited > deposited) return Fault.OverCredited;
        return _close(run, account, spot);
    }

    function _withdraw(Run memory run, WithdrawOp memory op) private pure returns (Fault fault) {
        if (!_isOpened(run, op.account)) return Fault.AccountUnopened;
        if (!Slots.isOrderId(op.order)) return Fault.OrderIdTooLarge;
        (Account memory account, Spots.Spot memory spot) = _open(run, op.account);
        fault = _useWholeSlot(run, account, op.order);
        if (fault != Fault.None) return fault;
        account.cash -= int256(uint256(op.amount));
        account.exited += op.amount;
        return _close(run, account, spot);
    }

    function _settle(Run memory run, SettleOp memory op) private view returns (Fault) {
        if (!_isOpened(run, op.account)) return Fault.AccountUnopened;
        (uint256 price, uint256 fixedAt) = ISettlementPrices(prices).priceOf(op.market, op.expiry);
        if (fixedAt == 0 || fixedAt >= run.builtAt) return Fault.PriceNotFixed;
        (uint256 cap,) = IMarkets(markets).expiryOf(op.market, op.expiry);
        (,, uint256 strikeValue) = IMarkets(markets).marketOf(op.market);
        (Account memory account, Spots.Spot memory spot) = _open(run, op.account);
        for (uint256 i = account.count; i != 0;) {
            --i; // from the last on, so that what is removed moves little
            (uint8 market, uint8 kind, uint24 expiry, uint24 strike) =
                IMarkets(markets).instrumentOf(account.positionAt(i).instrument());
            if (market != op.market || expiry != op.expiry) continue;
            uint256 payoff = Margin.payoff(kind == KIND_CALL, strike * strikeValue, price, cap);
            account.cash += account.positionAt(i).lots() * int256(payoff);
            account.removeAt(i);
        }
        return _close(run, account, spot);
    }

    function _transfer(Run memory run, TransferOp memory op) private pure returns (Fault fault) {
        if (!_isOpened(run, op.from) || !_isOpened(run, op.to)) return Fault.AccountUnopened;
        if (op.from == op.to) return Fault.SameAccount;
        if (!Slots.isOrderId(op.order)) return Fault.OrderIdTooLarge;
        (Account memory account, Spots.Spot memory spot) = _open(run, op.from);
        fault = _useWholeSlot(run, account, op.order);
        if (fault != Fault.None) return fault;
        account.cash -= int256(uint256(op.amount));
        fault = _close(run, account, spot);
        if (fault != Fault.None) return fault;
        (account, spot) = _open(run, op.to);
        account.cash += int256(uint256(op.amount));
        return _close(run, account, spot);
    }

    function _release(Run memory run, ReleaseOp memory op) private view returns (Fault) {
        if (!_isOpened(run, op.account)) return Fault.AccountUnopened;
        (Account memory account, Spots.Spot memory spot) = _open(run, op.account);
        // As they stand now: asks only grow.
        (,,,,, uint256 asks,) = IVault(vault).accountOf(op.account);
        if (op.served <= account.served || op.served > asks) return Fault.NothingToServe;
        account.served = op.served;
        account.cash -= int256(uint256(op.amount));
        account.exited += op.amount;
        return _close(run, account, spot);
    }

    /// The chunk's fees go to account 0 once, after its last op.
    function _bookFees(Run memory run) private pure returns (Fault) {
        if (run.fees == 0) return Fault.None;
        (Account memory account, Spots.Spot memory spot) = _open(run, _FEE_ACCOUNT);
        account.cash += run.fees;
        return _close(run, account, spot);
    }

    // --- accounts

    /// Reads the next account, as it stands at the running root.
    function _open(Run memory run, uint24 index)
        private
        pure
        returns (Account memory account, Spots.Spot memory spot)
    {
        bytes32[] calldata leaf;
        (leaf, spot) = Spots.account(run.reader, run.root, index);
        account = Accounts.from(leaf);
    }

    /// Puts an account back, if its fields fit, and goes on to the root that follows.
    function _close(Run memory run, Account memory account, Spots.Spot memory spot)
        private
        pure
        returns (Fault fault)
    {
        fault = account.fault();
        if (fault == Fault.None) run.root = spot.rootWith(account.hash());
    }

    function _useWholeSlot(Run memory run, Account memory account, uint48 order)
        private
        pure
        returns (Fault fault)
    {
        uint256 word;
        Spots.Spot memory spot;
        (word, spot) = Spots.slots(run.reader, account.slotsRoot, order);
        (fault, word) = Slots.useWhole(word, order);
        account.slotsRoot = spot.rootWith(bytes32(word));
    }

    // --- facts

    function _isOpened(Run memory run, uint24 index) private pure returns (bool) {
        return index < run.accountCount && index != _NO_ACCOUNT;
    }

    /// Tick value and rates of a market that is listed, unless they are at hand.
    function _readMarket(Run memory run, uint8 market) private view {
        if (market == run.market) return;
        run.market = market;
        (, run.tickValue,) = IMarkets(markets).marketOf(market);
        (int32 oldTaker, int32 oldMaker, int32 newTaker, int32 newMaker, uint40 activeAt) =
            IMarkets(markets).feesOf(market);
        (run.takerRate, run.makerRate) =
            run.builtAt >= activeAt ? (newTaker, newMaker) : (oldTaker, oldMaker);
    }

    // --- memory

    function _freeMemory() private pure returns (uint256 mark) {
        // mark = the free memory pointer
        assembly ("memory-safe") {
            mark := mload(0x40)
        }
    }

    /// Gives back what was allocated since. Assumes: nothing of it is still in use.
    function _resetMemory(uint256 mark) private pure {
        // the free memory pointer = mark
        assembly ("memory-safe") {
            mstore(0x40, mark)
        }
    }
}
