// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BatchStatus} from "./IBatchRegistry.sol";
import {Header, Path} from "../types/Proofs.sol";
import {Order, Transfer, Withdrawal} from "../types/Terms.sol";

/// What a wallet needs and should not have to take from a server. Reads only; keeps nothing.
interface ILens {
    /// The head, and what a batch must wait for.
    struct HeadView {
        uint40 id;
        uint40 builtAt;
        bytes27 batchHash; // first 216 bits
        uint40 committedAt;
        uint40 finalAt; // from then on it is final
        uint40 top; // highest id ever committed
        uint40 lastRevertAt; // 0: never
        uint16 operatorIndex; // 0: none
        address operator;
        bool paused;
        bool frozen;
    }

    struct PositionView {
        uint24 instrument;
        int40 lots;
        string symbol;
    }

    /// An account's leaf, decoded. Amounts in atoms.
    struct LeafView {
        int64 cash;
        uint64 exited; // all ever let out
        uint56 credited; // all ever let in
        uint24 served; // asks served
        bytes32 slotsRoot;
        PositionView[] positions;
    }

    /// An op word, decoded: the fields that its kind has, the others zero.
    struct OpView {
        uint8 kind;
        bool wellFormed;
        uint24 account; // FILL: taker; TRANSFER: from
        uint24 other; // FILL: maker; TRANSFER: to
        uint24 instrument;
        bool takerSells;
        uint32 tick;
        uint32 lots;
        uint48 order; // FILL: the taker's
        uint48 makerOrder;
        uint64 amount; // atoms
        uint24 served;
        uint8 market;
        uint24 expiry; // hours since the epoch
        uint128 half; // of the state root
    }

    struct InstrumentView {
        uint24 instrument;
        uint8 market;
        uint8 kind; // 0 call, 1 put
        uint24 expiry; // hours since the epoch
        uint256 strike; // atoms per lot
        uint32 tickValue; // atoms per tick and lot
        uint56 cap; // atoms per lot
        uint64 price; // settlement, atoms per lot
        uint40 fixedAt; // 0: not settled
    }

    /// Who a signer is to an account.
    enum Authority {
        None,
        Owner,
        Key
    }

    struct SignatureView {
        bytes32 digest;
        address signer;
        Authority authority;
        bool valid; // it counts in a batch built at the time asked about
    }

    struct KeyView {
        uint40 validFrom; // 0 both: not registered
        uint40 validUntil;
    }

    enum ClaimReason {
        Payable,
        NothingLeft, // all that is due was paid
        AccountUnknown,
        BatchUnknown,
        BatchReverted,
        BatchNotFinal,
        ProofWrong, // leaf and path do not lead to the header's state root
        VaultShort // more is due than the Vault holds
    }

    /// The leaf and path lead to another root.
    error LeafNotInState(uint24 account, bytes32 found, bytes32 stateRoot);
    error WordNotInBatch(uint256 index, bytes32 found, bytes32 chunksRoot);
    /// Words of a batch in blobs stand in no tree.
    error NotInCalldata(uint8 mode);
    error SymbolUnknown(string symbol);

    function registry() external view returns (address);
    function vault() external view returns (address);
    function markets() external view returns (address);
    function prices() external view returns (address);

    // --- accounts
    /// Accounts of an owner among the indices first..first + limit - 1. `next` is where to go on; 0
    /// if there are no more.
    function accountsOf(address owner, uint24 first, uint24 limit)
        external
        view
        returns (uint24[] memory accounts, uint24 next);
    /// What is registered of these keys. They cannot be listed: their events can.
    function keysOf(uint24 account, address[] calldata keys)
        external
        view
        returns (KeyView[] memory);

    // --- batches
    function head() external view returns (HeadView memory);
    /// `finalAt` 0: not committed.
    function statusOf(Header calldata header)
        external
        view
        returns (BatchStatus status, bytes32 batchHash, uint40 committedAt, uint40 finalAt);

    // --- proofs
    /// Reverts unless this leaf stands in the header's state. What the chain thinks of the header is
    /// `status`: only of a Final one nothing can change any more.
    function verifyAccount(
        Header calldata header,
        uint24 account,
        bytes32[] calldata leaf,
        Path calldata path
    ) external view returns (BatchStatus status, LeafView memory decoded);
    /// Reverts unless this word is word `index` of the header's batch: `32 * chunk + place`.
    function verifyOp(Header calldata header, uint256 index, uint256 word, Path calldata path)
        external
        view
        returns (BatchStatus status, OpView memory decoded);
    /// What a claim with this header and leaf would pay now, and if nothing, why.
    function claimable(
        uint24 account,
        Header calldata header,
        bytes32[] calldata leaf,
        Path calldata path
    ) external view returns (ClaimReason reason, uint64 amount);

    // --- messages
    function orderDigest(Order calldata order) external view returns (bytes32);
    function withdrawalDigest(Withdrawal calldata withdrawal) external view returns (bytes32);
    function transferDigest(Transfer calldata transfer) external view returns (bytes32);
    /// Who signed, and whether the order counts in a batch built at `builtAt`: by the owner until
    /// ordersUntil, by a key while it is valid, and not after its own expiry. Reverts on a signature
    /// of nobody.
    function orderSigner(Order calldata order, bytes calldata signature, uint40 builtAt)
        external
        view
        returns (SignatureView memory);
    /// The same; only the owner's counts, and ordersUntil does not matter.
    function withdrawalSigner(
        Withdrawal calldata withdrawal,
        bytes calldata signature,
        uint40 builtAt
    ) external view returns (SignatureView memory);
    function transferSigner(Transfer calldata transfer, bytes calldata signature, uint40 builtAt)
        external
        view
        returns (SignatureView memory);

    // --- instruments
    /// Reverts if no instrument has this symbol.
    function instrumentBySymbol(string calldata symbol)
        external
        view
        returns (InstrumentView memory);
}
