// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// An order passes five guards or fails at the last. A prober calls n times and counts what passed,
// so that failing calls are part of a transaction that succeeds.
//
// Claim        Custom errors cost less than revert strings, and tell more.
// Rule         A string is a selector, an offset, a length and padded text: code that is deployed
//              at 200 gas a byte and runs only when it fails. A custom error is a selector and its
//              arguments. A guard that holds is a comparison and a jump; but `require` is a
//              function: the arguments of its error are evaluated before it, always (a read of
//              storage, too), and it is truly called where an error that is used twice keeps it
//              from being inlined.
// Pays         At deployment. In calls that fail, for errors with few arguments.
// Does not     In a call that succeeds: there is nothing to save, and `require` with an error's
//              arguments can cost more there than with a string. `if` and `revert` do not.
// Readability  A gain: an error has a name, typed arguments and a place in the ABI. The bare revert
//              is the cheapest by little and leaves the user with nothing.

interface Guard {
    /// Reverts if the order is not good; else answers its notional.
    function check(uint256 price, uint256 quantity, uint256 deadline) external returns (uint256);
}

contract Prober {
    /// How many of `attempts` calls pass, and the sum of what they answer.
    function probe(Guard guard, bool good, uint256 attempts)
        external
        returns (uint256 passed, uint256 notional)
    {
        for (uint256 i; i < attempts; ++i) {
            uint256 quantity = good ? 1 + i : 0;
            try guard.check(100, quantity, type(uint64).max) returns (uint256 value) {
                ++passed;
                notional += value;
            } catch {}
        }
    }
}

/// Baseline: strings that fit a word.
contract ShortStrings is Guard {
    function check(uint256 price, uint256 quantity, uint256 deadline)
        external
        view
        returns (uint256)
    {
        require(block.timestamp <= deadline, "order has expired");
        require(price != 0, "price is zero");
        require(price < 1 << 64, "price is too high");
        require(quantity < 1 << 64, "quantity is too high");
        require(quantity != 0, "quantity is zero");
        return price * quantity;
    }
}

/// Strings that tell what was found and what is allowed, longer than a word.
contract LongStrings is Guard {
    function check(uint256 price, uint256 quantity, uint256 deadline)
        external
        view
        returns (uint256)
    {
        require(block.timestamp <= deadline, "the deadline of the order is before the block");
        require(price != 0, "the price of the order is zero, the least allowed is one tick");
        require(price < 1 << 64, "the price of the order is higher than 64 bits can hold");
        require(quantity < 1 << 64, "the quantity of the order is higher than 64 bits can hold");
        require(quantity != 0, "the quantity of the order is zero, the least allowed is one lot");
        return price * quantity;
    }
}

/// Errors with what was found and what is allowed as arguments.
contract CustomErrors is Guard {
    error OrderExpired(uint256 deadline, uint256 time);
    error PriceOutOfRange(uint256 found, uint256 least, uint256 most);
    error QuantityOutOfRange(uint256 found, uint256 least, uint256 most);

    uint256 private constant MOST = type(uint64).max;

    function check(uint256 price, uint256 quantity, uint256 deadline)
        external
        view
        returns (uint256)
    {
        require(block.timestamp <= deadline, OrderExpired(deadline, block.timestamp));
        require(price != 0, PriceOutOfRange(price, 1, MOST));
        require(price < 1 << 64, PriceOutOfRange(price, 1, MOST));
        require(quantity < 1 << 64, QuantityOutOfRange(quantity, 1, MOST));
        require(quantity != 0, QuantityOutOfRange(quantity, 1, MOST));
        return price * quantity;
    }
}

/// The same errors, by `if` and `revert` in place of `require`.
contract RevertsByIf is Guard {
    error OrderExpired(uint256 deadline, uint256 time);
    error PriceOutOfRange(uint256 found, uint256 least, uint256 most);
    error QuantityOutOfRange(uint256 found, uint256 least, uint256 most);

    uint256 private constant MOST = type(uint64).max;

    function check(uint256 price, uint256 quantity, uint256 deadline)
        external
        view
        returns (uint256)
    {
        if (block.timestamp > deadline) revert OrderExpired(deadline, block.timestamp);
        if (price == 0) revert PriceOutOfRange(price, 1, MOST);
        if (price >= 1 << 64) revert PriceOutOfRange(price, 1, MOST);
        if (quantity >= 1 << 64) revert QuantityOutOfRange(quantity, 1, MOST);
        if (quantity == 0) revert QuantityOutOfRange(quantity, 1, MOST);
        return price * quantity;
    }
}

/// Errors that are only names.
contract NamedErrors is Guard {
    error OrderExpired();
    error PriceZero();
    error PriceTooHigh();
    error QuantityTooHigh();
    error QuantityZero();

    function check(uint256 price, uint256 quantity, uint256 deadline)
        external
        view
        returns (uint256)
    {
        require(block.timestamp <= deadline, OrderExpired());
        require(price != 0, PriceZero());
        require(price < 1 << 64, PriceTooHigh());
        require(quantity < 1 << 64, QuantityTooHigh());
        require(quantity != 0, QuantityZero());
        return price * quantity;
    }
}

/// Nothing is told.
contract BareReverts is Guard {
    function check(uint256 price, uint256 quantity, uint256 deadline)
        external
        view
        returns (uint256)
    {
        require(block.timestamp <= deadline);
        require(price != 0);
        require(price < 1 << 64);
        require(quantity < 1 << 64);
        require(quantity != 0);
        return price * quantity;
    }
}
