// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "@openzeppelin/contracts/token/ERC20/presets/ERC20PresetMinterPauser.sol";

/// A token of the demo chain with decimals of its own: OpenZeppelin's preset always has 18, USDC has 6 and WBTC 8.
contract DemoToken is ERC20PresetMinterPauser {
    uint8 private immutable places;

    constructor(string memory name, string memory symbol, uint8 decimals_) ERC20PresetMinterPauser(name, symbol) {
        places = decimals_;
    }

    function decimals() public view override returns (uint8) {
        return places;
    }
}
