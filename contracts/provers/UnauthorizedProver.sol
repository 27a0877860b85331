// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IProver} from "../interfaces/IProver.sol";
import {Header} from "../types/Proofs.sol";
import {Verdict} from "../types/Verdict.sol";

contract UnauthorizedProver is IProver {
    address public immutable registry;
    address public immutable vault;
    address public immutable markets;
    uint256 public immutable questionBond;

    constructor(address registry_, address vault_, address markets_, uint256 questionBond_) {
        registry = registry_;
        vault = vault_;
        markets = markets_;
        questionBond = questionBond_;
    }

    /// @inheritdoc IProver
    function judge(Header calldata, Header calldata, bytes calldata)
        external
        pure
        returns (Verdict memory)
    {
        revert("not built");
    }
}
