// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// A token that calls somebody in the middle of a transfer, as ERC-777 hooks do.
contract ReentrantToken is ERC20 {
    address public target;
    bytes public payload;
    bool public called;
    bool public succeeded;
    bytes public answer;

    constructor() ERC20("Token that calls back", "HOOK") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// The next transfer calls `target_` with `payload_`, once, and remembers how that went.
    function arm(address target_, bytes calldata payload_) external {
        target = target_;
        payload = payload_;
        called = false;
    }

    function decimals() public pure override returns (uint8) {
        return 6;
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (target == address(0) || from == address(0)) return;
        address armed = target;
        target = address(0);
        called = true;
        (succeeded, answer) = armed.call(payload);
    }
}
