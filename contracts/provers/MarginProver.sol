// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IMarginProver} from "../interfaces/IMarginProver.sol";
import {IMarkets} from "../interfaces/IMarkets.sol";
import {IProver} from "../interfaces/IProver.sol";
import {ISettlementPrices} from "../interfaces/ISettlementPrices.sol";
import {Margin} from "../libraries/Margin.sol";
import {Openings} from "../libraries/Openings.sol";
import {Spots} from "../libraries/Spots.sol";
import {CHUNK_OPS, OP_RELEASE, OpWord} from "../types/OpWord.sol";
import {Header} from "../types/Proofs.sol";
import {Reader, ReaderLibrary} from "../types/Reader.sol";
import {Fault, Verdict} from "../types/Verdict.sol";

/// @title MARGIN: one account before and after one chunk (section 7)
contract MarginProver is IMarginProver {
    using Openings for Openings.Body;

    uint8 private constant _NO_RELEASE = 0xff;

    address public immutable registry;
    address public immutable markets;
    address public immutable prices;

    constructor(address registry_, address markets_, address prices_) {
        registry = registry_;
        markets = markets_;
        prices = prices_;
    }

    /// @inheritdoc IProver
    function judge(Header calldata header, Header calldata previous, bytes calldata witness)
        external
        view
        returns (Verdict memory verdict)
    {
        Reader memory reader = ReaderLibrary.over(witness);
        Openings.Body memory body = Openings.begin(header, reader);
        uint16 chunk = uint16(reader.number(2));
        uint24 account = uint24(reader.number(3));
        uint8 place = uint8(reader.number(1));
        uint40 builtAt = header.info.builtAt();

        bytes32 root = body.root(reader, chunk);
        if (place != _NO_RELEASE) _requireRelease(account, body.word(reader, chunk, place));
        int256 worst = _worst(reader, root, account, builtAt);

        (verdict.chunk, verdict.place) = (chunk, uint8(CHUNK_OPS));
        if (worst > 0 && place != _NO_RELEASE) {
            (verdict.fault, verdict.place) = (Fault.ReleaseKept, place);
        } else if (worst < 0) {
            root = chunk == 0 ? previous.stateRoot : body.root(reader, chunk - 1);
            int256 before = _worst(reader, root, account, builtAt);
            if (worst < before) verdict.fault = Fault.MarginBroken;
        }
    }

    /// The least that an account shown in the state is worth, atoms.
    function _worst(Reader memory reader, bytes32 root, uint24 account, uint40 builtAt)
        private
        view
        returns (int256)
    {
        (bytes32[] calldata leaf,) = Spots.account(reader, root, account);
        return Margin.worst(leaf, IMarkets(markets), ISettlementPrices(prices), builtAt);
    }

    function _requireRelease(uint24 account, uint256 word) private pure {
        OpWord op = OpWord.wrap(word);
        require(
            op.kind() == OP_RELEASE && op.asRelease().account == account,
            NotReleaseOf(account, word)
        );
    }
}
