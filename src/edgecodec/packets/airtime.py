"""How long a LoRa radio takes for a packet or frame.

Semtech, SX1276 datasheet, section 4.1.1.7: with an explicit header, a checksum of the radio itself, eight symbols
of preamble and coding rate 4/5, as LoRaWAN sends it up.
"""

from __future__ import annotations

import math

BANDWIDTH_HZ = 125_000
PREAMBLE_SYMBOLS = 8 + 4.25
SLOW_SYMBOL_SECONDS = 0.016  # from here on the radio sends two bits less in a symbol


def lora_seconds(size: int, spreading_factor: int) -> float:
    """Time on air of ``size`` bytes, at spreading factor 7 to 12."""
    symbol = (1 << spreading_factor) / BANDWIDTH_HZ
    slow = 2 if symbol > SLOW_SYMBOL_SECONDS else 0
    bits = 8 * size - 4 * spreading_factor + 28 + 16
    payload = 8 + max(0, math.ceil(bits / (4 * (spreading_factor - slow))) * 5)
    return (PREAMBLE_SYMBOLS + payload) * symbol
