// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IProver} from "./IProver.sol";

/// Does an account end a chunk with less than it must have (section 5)? Guilty in two ways:
///
///     MarginBroken   worst after the chunk is below 0, and below what it was before the chunk
///     ReleaseKept    the chunk has a RELEASE of the account, and worst after it is above 0
///
/// `worst` is taken at the batch's builtAt on both sides. Nobody asks whether the chunk names the
/// account. A right transition does not touch the leaf of one that it does not name; the same leaf
/// at the same builtAt is worth the same, so worst is not below what it was. Where the leaf did
/// change, the transition is wrong, and the batch is no honest one.
///
/// Assumes the shape of a leaf (`Leaf.check`), and a root in words 30 and 31: where a wrong
/// transition stated something else, a witness of it reverts here and TRANSITION convicts. Nothing
/// else that a leaf may hold stops it: an instrument that is not listed is worth nothing.
interface IMarginProver is IProver {
    /// The word shown is no RELEASE of the account.
    error NotReleaseOf(uint24 account, uint256 word);

    function registry() external view returns (address);
    function markets() external view returns (address);
    function prices() external view returns (address);
}
