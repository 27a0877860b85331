// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// What halmos and forge understand at this address.
interface Cheats {
    function store(address account, bytes32 slot, bytes32 value) external;
    function load(address account, bytes32 slot) external view returns (bytes32);
    function warp(uint256 time) external;
    function prank(address sender) external;
    function mockCall(address callee, bytes calldata data, bytes calldata result) external;
    function clearMockedCalls() external;
    function deal(address account, uint256 balance) external;
}

Cheats constant CHEATS = Cheats(address(uint160(uint256(keccak256("hevm cheat code")))));
