// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title Collateral for devnets
/// @notice WARNING: ANYBODY MAY MINT ANY AMOUNT TO ANYBODY. This token is worth nothing, on
/// purpose. Never deploy it where real money is: a Vault that holds it secures nothing.
/// A plain ERC-20 with permit (EIP-2612) and 6 decimals, so that one unit is one atom.
contract DevToken is ERC20Permit {
    constructor() ERC20("Quoin Dev Dollar", "qUSD") ERC20Permit("Quoin Dev Dollar") {}

    /// @notice Mints `amount` units to `to`. WARNING: anybody may call this.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @inheritdoc ERC20
    function decimals() public pure override returns (uint8) {
        return 6;
    }
}
