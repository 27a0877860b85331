// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Messages} from "../../libraries/Messages.sol";
import {Reader} from "../../types/Reader.sol";
import {Order} from "../../types/Terms.sol";

/// Encoding 0 of a signed order: `Order` of section 8.
///
///     price:8, quantity:8, flags:1
library NativeOrder {
    uint8 internal constant ENCODING = 0;

    /// Completes an order, of which a fill says account, instrument, side and id, by the terms that
    /// follow; the digest that was signed.
    function read(Reader memory reader, Order memory order, bytes32 separator)
        internal
        pure
        returns (bytes32 digest)
    {
        order.price = uint64(reader.number(8));
        order.quantity = uint64(reader.number(8));
        order.flags = uint8(reader.number(1));
        return Messages.digest(order, separator);
    }
}
