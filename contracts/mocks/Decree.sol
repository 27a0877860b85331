// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IProver} from "../interfaces/IProver.sol";
import {Header} from "../types/Proofs.sol";
import {Verdict} from "../types/Verdict.sol";

/// A prover for tests of what follows from a verdict: the witness is the verdict.
contract Decree is IProver {
    /// @inheritdoc IProver
    function judge(Header calldata, Header calldata, bytes calldata witness)
        external
        pure
        returns (Verdict memory)
    {
        return abi.decode(witness, (Verdict));
    }
}
