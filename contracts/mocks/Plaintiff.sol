// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// A contract that sends calls with its own ether, and does not take ether quietly: it refuses, or
/// calls back.
contract Plaintiff {
    // One word: what ether is sent with is little gas.
    address public target;
    bool public refuses;
    bytes4 public reply; // error with which the last call back failed
    uint32 public received; // times
    bytes public payload; // to call `target` with on receipt; none if empty

    receive() external payable {
        require(!refuses);
        ++received;
        if (payload.length == 0) return;
        (, bytes memory answer) = target.call(payload);
        reply = bytes4(answer);
    }

    function prepare(bool refuses_, address target_, bytes calldata payload_) external payable {
        (refuses, target, payload) = (refuses_, target_, payload_);
    }

    function execute(address to, uint256 value, bytes calldata call_) external payable {
        (bool success, bytes memory answer) = to.call{value: value}(call_);
        // The reason as it stands, so that callers see the error of the contract they meant.
        assembly ("memory-safe") {
            if iszero(success) { revert(add(answer, 0x20), mload(answer)) }
        }
    }
}
