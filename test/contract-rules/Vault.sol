// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.0;

/// Keeps nobody's money: it says what a vault would say, so that rules have something to watch.
contract Vault {
    struct Order {
        address receiver;
        uint256 amount;
    }

    event Withdrawal(address indexed owner, Order order, string note);
    event Heartbeat();

    function withdraw(Order calldata order, string calldata note) external {
        emit Withdrawal(msg.sender, order, note);
    }

    function beat() external {
        emit Heartbeat();
    }
}
