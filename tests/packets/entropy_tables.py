"""Random entropy tables, and windows that they suit."""

import numpy as np
from numpy.typing import NDArray

from edgecodec.packets.entropy import SLOTS, EntropyTables


def random_tables(seed: int, regimes: int, alphabets: list[int], concentration: float = 0.2) -> EntropyTables:
    """From all but certain words to all but equal ones; every regime has its own."""
    generator = np.random.default_rng(seed)

    def table(words: int) -> NDArray[np.uint16]:
        shares = generator.dirichlet(np.full(words, concentration))
        return (1 + generator.multinomial(SLOTS - words, shares)).astype(np.uint16)

    return EntropyTables(table(regimes), tuple(tuple(table(words) for words in alphabets) for _ in range(regimes)))


def likely_windows(tables: EntropyTables, windows: int, seed: int = 0) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Regimes [windows] and indices [windows, stages] as frequent as the tables say."""
    generator = np.random.default_rng(seed)

    def draw(table: NDArray[np.uint16], size: int) -> NDArray[np.uint16]:
        return generator.choice(len(table), size, p=table / SLOTS).astype(np.uint16)

    regimes = draw(tables.regime_frequencies, windows)
    indices = np.empty((windows, tables.stages), np.uint16)
    for regime, of_regime in enumerate(tables.word_frequencies):
        chosen = regimes == regime
        for stage, table in enumerate(of_regime):
            indices[chosen, stage] = draw(table, int(chosen.sum()))
    return regimes, indices
