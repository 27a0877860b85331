// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Header} from "../types/Proofs.sol";
import {Verdict} from "../types/Verdict.sol";

/// One kind of lie (section 7). A prover only judges: `BatchRegistry.convict` makes sure that the
/// header is of a batch that stands and is not final, and that `previous` is the one before it.
interface IProver {
    /// `Fault.None` if the batch does not lie so. Reverts if the witness does not belong to the
    /// batch; given one that does, it never reverts.
    /// `witness` is packed; its layout is docs/reference/witnesses.md.
    function judge(Header calldata header, Header calldata previous, bytes calldata witness)
        external
        view
        returns (Verdict memory);
}
