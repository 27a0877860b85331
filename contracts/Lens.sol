// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BatchStatus, IBatchRegistry} from "./interfaces/IBatchRegistry.sol";
import {ILens} from "./interfaces/ILens.sol";
import {IMarkets} from "./interfaces/IMarkets.sol";
import {ISettlementPrices} from "./interfaces/ISettlementPrices.sol";
import {IVault} from "./interfaces/IVault.sol";
import {Headers} from "./libraries/Headers.sol";
import {Leaf} from "./libraries/Leaf.sol";
import {Merkle} from "./libraries/Merkle.sol";
import {Messages} from "./libraries/Messages.sol";
import {MODE_CALLDATA} from "./types/HeaderInfo.sol";
import {LeafWord, Position} from "./types/LeafWord.sol";
import "./types/OpWord.sol";
import {Header, Path} from "./types/Proofs.sol";
import {Order, Transfer, Withdrawal} from "./types/Terms.sol";

/// @title What a wallet needs without a server
/// @notice Checks proofs against the chain and reads words aloud. Nothing depends on it.
contract Lens is ILens {
    using Headers for Header;

    address public immutable registry;
    address public immutable vault;
    address public immutable markets;
    address public immutable prices;

    constructor(address registry_, address vault_, address markets_, address prices_) {
        registry = registry_;
        vault = vault_;
        markets = markets_;
        prices = prices_;
    }

    // --- accounts

    /// @inheritdoc ILens
    function accountsOf(address owner, uint24 first, uint24 limit)
        external
        view
        returns (uint24[] memory accounts, uint24 next)
    {
        uint256 count = IVault(vault).accountCount();
        uint256 end = uint256(first) + limit;
        if (end > count) end = count;
        accounts = new uint24[](end > first ? end - first : 0);
        uint256 found;
        for (uint256 i = first; i < end; ++i) {
            // An index that was never opened (1) has no owner, so it is nobody's; the zero address
            // is nobody.
            if (owner != address(0) && IVault(vault).ownerOf(uint24(i)) == owner) {
                accounts[found++] = uint24(i);
            }
        }
        // accounts.length = found: it only shrinks.
        assembly ("memory-safe") {
            mstore(accounts, found)
        }
        next = end < count ? uint24(end) : 0;
    }

    /// @inheritdoc ILens
    function keysOf(uint24 account, address[] calldata keys)
        external
        view
        returns (KeyView[] memory list)
    {
        list = new KeyView[](keys.length);
        for (uint256 i; i < keys.length; ++i) {
            (list[i].validFrom, list[i].validUntil) = IVault(vault).keyOf(account, keys[i]);
        }
    }

    // --- batches

    /// @inheritdoc ILens
    function head() external view returns (HeadView memory result) {
        (
            result.id,
            result.builtAt,
            result.top,
            result.lastRevertAt,
            result.operatorIndex,
            result.paused,
            result.frozen
        ) = IBatchRegistry(registry).head();
        bytes32 word = IBatchRegistry(registry).ringWord(result.id);
        result.batchHash = bytes27(word);
        result.committedAt = uint40(uint256(word));
        result.finalAt = result.committedAt + IBatchRegistry(registry).finalAfter();
        result.operator = IBatchRegistry(registry).currentOperator();
    }

    /// @inheritdoc ILens
    function statusOf(Header calldata header)
        external
        view
        returns (BatchStatus status, bytes32 batchHash, uint40 committedAt, uint40 finalAt)
    {
        batchHash = header.hash();
        (status, committedAt) = IBatchRegistry(registry).statusOf(header);
        if (status == BatchStatus.Committed || status == BatchStatus.Final) {
            finalAt = committedAt + IBatchRegistry(registry).finalAfter();
        }
    }

    // --- proofs

    /// @inheritdoc ILens
    function verifyAccount(
        Header calldata header,
        uint24 account,
        bytes32[] calldata leaf,
        Path calldata path
    ) external view returns (BatchStatus status, LeafView memory decoded) {
        LeafWord first = Leaf.check(leaf);
        bytes32 found =
            Merkle.rootFrom(Leaf.hash(leaf), account, Merkle.ACCOUNT_TREE_DEPTH, path);
        require(found == header.stateRoot, LeafNotInState(account, found, header.stateRoot));
        (status,) = IBatchRegistry(registry).statusOf(header);
        decoded = LeafView({
            cash: first.cash(),
            exited: first.exited(),
            credited: first.credited(),
            served: first.served(),
            slotsRoot: Leaf.slotsRoot(leaf),
            positions: _positions(leaf)
        });
    }

    /// @inheritdoc ILens
    function verifyOp(Header calldata header, uint256 index, uint256 word, Path calldata path)
        external
        view
        returns (BatchStatus status, OpView memory decoded)
    {
        uint8 mode = header.info.mode();
        require(mode == MODE_CALLDATA, NotInCalldata(mode));
        uint256 depth = Merkle.wordsDepth(header.info.chunkCount());
        bytes32 found = Merkle.rootFrom(bytes32(word), index, depth, path);
        require(found == header.chunksRoot, WordNotInBatch(index, found, header.chunksRoot));
        (status,) = IBatchRegistry(registry).statusOf(header);
        decoded = _decode(OpWord.wrap(word));
    }

    /// @inheritdoc ILens
    function claimable(
        uint24 account,
        Header calldata header,
        bytes32[] calldata leaf,
        Path calldata path
    ) external view returns (ClaimReason reason, uint64 amount) {
        if (IVault(vault).ownerOf(account) == address(0)) return (ClaimReason.AccountUnknown, 0);
        (BatchStatus status,) = IBatchRegistry(registry).statusOf(header);
        if (status == BatchStatus.Unknown) return (ClaimReason.BatchUnknown, 0);
        if (status == BatchStatus.Reverted) return (ClaimReason.BatchReverted, 0);
        if (status == BatchStatus.Committed) return (ClaimReason.BatchNotFinal, 0);
        try IVault(vault).claimable(account, header, leaf, path) returns (uint64 due) {
            if (due == 0) return (ClaimReason.NothingLeft, 0);
            bool short = due > IVault(vault).totalAtoms();
            return short ? (ClaimReason.VaultShort, 0) : (ClaimReason.Payable, due);
        } catch {
            // The account is open and the batch final: only the leaf and its path are left.
            return (ClaimReason.ProofWrong, 0);
        }
    }

    // --- messages

    /// @inheritdoc ILens
    function orderDigest(Order calldata order) public view returns (bytes32) {
        return Messages.digest(order, IBatchRegistry(registry).domainSeparator());
    }

    /// @inheritdoc ILens
    function withdrawalDigest(Withdrawal calldata withdrawal) public view returns (bytes32) {
        return Messages.digest(withdrawal, IBatchRegistry(registry).domainSeparator());
    }

    /// @inheritdoc ILens
    function transferDigest(Transfer calldata transfer) public view returns (bytes32) {
        return Messages.digest(transfer, IBatchRegistry(registry).domainSeparator());
    }

    /// @inheritdoc ILens
    function orderSigner(Order calldata order, bytes calldata signature, uint40 builtAt)
        external
        view
        returns (SignatureView memory result)
    {
        result = _signer(orderDigest(order), signature, order.account);
        bool counts;
        if (result.authority == Authority.Owner) {
            (,,,, uint40 ordersUntil,,) = IVault(vault).accountOf(order.account);
            counts = ordersUntil == 0 || ordersUntil >= builtAt;
        } else if (result.authority == Authority.Key) {
            (uint40 validFrom, uint40 validUntil) =
                IVault(vault).keyOf(order.account, result.signer);
            counts = validFrom <= builtAt && builtAt <= validUntil;
        }
        result.valid = counts && builtAt <= order.expiry;
    }

    /// @inheritdoc ILens
    function withdrawalSigner(
        Withdrawal calldata withdrawal,
        bytes calldata signature,
        uint40 builtAt
    ) external view returns (SignatureView memory result) {
        result = _signer(withdrawalDigest(withdrawal), signature, withdrawal.account);
        result.valid = result.authority == Authority.Owner && builtAt <= withdrawal.expiry;
    }

    /// @inheritdoc ILens
    function transferSigner(Transfer calldata transfer, bytes calldata signature, uint40 builtAt)
        external
        view
        returns (SignatureView memory result)
    {
        result = _signer(transferDigest(transfer), signature, transfer.from);
        result.valid = result.authority == Authority.Owner && builtAt <= transfer.expiry;
    }

    // --- instruments

    /// @inheritdoc ILens
    function instrumentBySymbol(string calldata symbol)
        external
        view
        returns (InstrumentView memory result)
    {
        uint24 instrument = IMarkets(markets).indexOf(keccak256(bytes(symbol)));
        require(instrument != 0, SymbolUnknown(symbol));
        uint24 strike;
        uint32 strikeValue;
        result.instrument = instrument;
        (result.market, result.kind, result.expiry, strike) =
            IMarkets(markets).instrumentOf(instrument);
        (, result.tickValue, strikeValue) = IMarkets(markets).marketOf(result.market);
        result.strike = uint256(strike) * strikeValue;
        (result.cap,) = IMarkets(markets).expiryOf(result.market, result.expiry);
        (result.price, result.fixedAt) =
            ISettlementPrices(prices).priceOf(result.market, result.expiry);
    }

    // --- private

    function _positions(bytes32[] calldata leaf)
        private
        view
        returns (PositionView[] memory list)
    {
        Position[] memory held = Leaf.positions(leaf);
        list = new PositionView[](held.length);
        for (uint256 i; i < held.length; ++i) {
            uint24 instrument = held[i].instrument();
            list[i] = PositionView({
                instrument: instrument,
                lots: held[i].lots(),
                symbol: IMarkets(markets).symbolOf(instrument)
            });
        }
    }

    function _signer(bytes32 digest, bytes calldata signature, uint24 account)
        private
        view
        returns (SignatureView memory result)
    {
        result.digest = digest;
        result.signer = Messages.recover(digest, signature);
        if (result.signer == IVault(vault).ownerOf(account)) {
            result.authority = Authority.Owner;
        } else {
            (, uint40 validUntil) = IVault(vault).keyOf(account, result.signer);
            if (validUntil != 0) result.authority = Authority.Key;
        }
    }

    function _decode(OpWord word) private pure returns (OpView memory result) {
        uint8 kind = word.kind();
        result.kind = kind;
        result.wellFormed = word.isWellFormed();
        if (kind == OP_FILL) {
            FillOp memory op = word.asFill();
            result.account = op.taker;
            result.other = op.maker;
            result.instrument = op.instrument;
            result.takerSells = op.flags & 1 == 1;
            result.tick = op.tick;
            result.lots = op.lots;
            result.order = op.takerOrder;
            result.makerOrder = op.makerOrder;
        } else if (kind == OP_CREDIT) {
            CreditOp memory op = word.asCredit();
            (result.account, result.amount) = (op.account, op.amount);
        } else if (kind == OP_WITHDRAW) {
            WithdrawOp memory op = word.asWithdraw();
            (result.account, result.amount, result.order) = (op.account, op.amount, op.order);
        } else if (kind == OP_SETTLE) {
            SettleOp memory op = word.asSettle();
            (result.account, result.market, result.expiry) = (op.account, op.market, op.expiry);
        } else if (kind == OP_TRANSFER) {
            TransferOp memory op = word.asTransfer();
            (result.account, result.other) = (op.from, op.to);
            (result.amount, result.order) = (op.amount, op.order);
        } else if (kind == OP_RELEASE) {
            ReleaseOp memory op = word.asRelease();
            (result.account, result.amount, result.served) = (op.account, op.amount, op.served);
        } else if (kind == OP_ROOT_HI || kind == OP_ROOT_LO) {
            result.half = word.half();
        }
    }
}
