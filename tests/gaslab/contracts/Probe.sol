// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Something of everything that an ABI has, for the tests of the lab's environment.
contract Probe {
    struct Order {
        address trader;
        uint64[] prices;
    }

    error Refused(address who, uint256 found, bytes4 mark);

    event Stored(address indexed who, uint256 value, string note);
    event Tagged(string indexed tag, uint256 indexed number);

    address public immutable OWNER;
    uint256 public stored;
    mapping(address => uint256) public paid;

    constructor(address owner, uint256 first) payable {
        require(first != 0, Refused(owner, first, 0x01020304));
        OWNER = owner;
        stored = first;
    }

    function store(uint256 value) external {
        stored = value;
        emit Stored(msg.sender, value, "one");
    }

    function store(uint256 value, string calldata note) external payable {
        stored = value;
        paid[msg.sender] += msg.value;
        emit Stored(msg.sender, value, note);
        emit Tagged(note, value);
    }

    function total(Order[] calldata orders) external pure returns (uint256 sum, address[] memory who) {
        who = new address[](orders.length);
        for (uint256 i; i < orders.length; ++i) {
            who[i] = orders[i].trader;
            for (uint256 j; j < orders[i].prices.length; ++j) sum += orders[i].prices[j];
        }
    }

    function refuse(uint256 found) external view {
        revert Refused(msg.sender, found, this.refuse.selector);
    }

    function complain() external pure {
        revert("no good");
    }

    function overflow(uint256 value) external pure returns (uint256) {
        return value + 1;
    }

    function burn() external pure {
        assembly ("memory-safe") {
            invalid()
        }
    }

    function context() external view returns (uint256, uint256, address, uint256, uint256, bytes32) {
        return (
            block.number,
            block.timestamp,
            block.coinbase,
            block.prevrandao,
            block.basefee,
            blockhash(block.number - 1)
        );
    }

    function blob(uint256 index) external view returns (bytes32) {
        return blobhash(index);
    }
}
