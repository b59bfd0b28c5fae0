"""Random entropy tables, windows that they suit, and the code by its definition, in whole numbers."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgecodec.packets.entropy import PRECISION_BITS, SLOTS, EntropyTables


def random_tables(seed: int, regimes: int, alphabets: list[int], concentration: float = 0.2) -> EntropyTables:
    """From all but certain words to all but equal ones; every regime has its own."""
    generator = np.random.default_rng(seed)
    return EntropyTables(random_table(generator, regimes, concentration), tuple(
        tuple(random_table(generator, words, concentration) for words in alphabets) for _ in range(regimes)))


def random_table(generator: np.random.Generator, words: int, concentration: float = 0.2) -> NDArray[np.uint16]:
    shares = generator.dirichlet(np.full(words, concentration))
    return (1 + generator.multinomial(SLOTS - words, shares)).astype(np.uint16)


def likely_windows(tables: EntropyTables, windows: int, seed: int = 0) -> NDArray[np.int64]:
    """Symbols [windows, 1 + stages] as frequent as the tables say."""
    generator = np.random.default_rng(seed)

    def draw(table: NDArray[np.uint16], size: int) -> NDArray[np.int64]:
        return generator.choice(len(table), size, p=table / SLOTS)

    symbols = np.empty((windows, 1 + tables.stages), np.int64)
    symbols[:, 0] = draw(tables.regime_frequencies, windows)
    for regime, of_regime in enumerate(tables.word_frequencies):
        chosen = symbols[:, 0] == regime
        for stage, table in enumerate(of_regime, 1):
            symbols[chosen, stage] = draw(table, int(chosen.sum()))
    return symbols


def payload_by_definition(tables: EntropyTables, symbols: Sequence[int]) -> bytes:
    """Of the window's interval, in whole numbers, the shortest bytes that name a number of it, and the least."""
    low, width, size = 0, 2**32 - 1, 4
    for first, frequency in _slots(tables, symbols):
        if frequency < SLOTS:
            unit = width >> PRECISION_BITS
            low, width = low + unit * first, unit * frequency
        while width < 2**24:
            low, width, size = low << 8, width << 8, size + 1
    for length in range(size + 1):
        behind = 256 ** (size - length)
        if (least := -(-low // behind)) * behind < low + width:
            return least.to_bytes(length, "big")
    raise AssertionError("the interval is empty")


def ideal_bits(tables: EntropyTables, symbols: Sequence[int]) -> float:
    """Of a payload, before it is rounded up to bytes."""
    return sum(PRECISION_BITS - math.log2(frequency) for _, frequency in _slots(tables, symbols))


def _slots(tables: EntropyTables, symbols: Sequence[int]) -> list[tuple[int, int]]:
    """Of every symbol: its first slot, and how many it has."""
    own = (tables.regime_frequencies, *tables.word_frequencies[symbols[0]])
    return [(int(table[:symbol].sum(dtype=int)), int(table[symbol]))
            for table, symbol in zip(own, symbols, strict=False)]
