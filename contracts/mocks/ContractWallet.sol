// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// A wallet that is a contract: it calls what its owner tells it to, and signs nothing.
contract ContractWallet {
    address public immutable owner;

    error NotOwner(address caller);

    constructor(address owner_) {
        owner = owner_;
    }

    function execute(address target, bytes calldata payload) external returns (bytes memory) {
        require(msg.sender == owner, NotOwner(msg.sender));
        (bool success, bytes memory answer) = target.call(payload);
        if (success) return answer;
        // The reason as it stands, so that callers see the error of the contract they meant.
        assembly ("memory-safe") {
            revert(add(answer, 0x20), mload(answer))
        }
    }
}
