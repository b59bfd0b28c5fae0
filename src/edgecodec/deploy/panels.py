"""Columns packed in panels, as the kernels' tiles read them (firmware/kernels/tile.h)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgecodec.packets.network import Convolution, Half, Single, Stage

COLUMNS = 4  # EC_TILE_COLUMNS


@dataclass(frozen=True)
class Panels:
    """Panels of :data:`COLUMNS` columns: a float of each, then their halfwords pair by pair."""

    of_column: Single  # [panels, COLUMNS]
    pairs: Half  # [panels, pairs, COLUMNS, 2]

    @property
    def nbytes(self) -> int:
        return int(self.of_column.nbytes + self.pairs.nbytes)

    @classmethod
    def of_convolution(cls, layer: Convolution) -> Panels:
        """Biases and weights; columns are output channels. No sum begins at -0."""
        return _pack(layer.bias + np.float32(0), layer.weight.reshape(len(layer.weight), -1), filling=0.0)

    @classmethod
    def of_stage(cls, stage: Stage) -> Panels:
        """Norms and codewords; every regime begins with a panel of its own. What fills up a panel never wins: a search
        begins as far as that.
        """
        regimes = [_pack(norms, codewords, filling=np.finfo(np.float32).max)
                   for norms, codewords in zip(stage.norms, stage.codewords, strict=True)]
        return cls(np.concatenate([panels.of_column for panels in regimes]),
                   np.concatenate([panels.pairs for panels in regimes]))


def panel_count(columns: int) -> int:
    return -(-columns // COLUMNS)


def panel_bytes(halfwords: int) -> int:
    """Of columns of ``halfwords`` (even)."""
    return COLUMNS * (4 + 2 * halfwords)


def _pack(of_column: Single, columns: Half, filling: np.floating | float) -> Panels:
    """``columns`` [n, halfwords]; the last panel is filled up with zeros, and floats ``filling``."""
    missing = -len(columns) % COLUMNS
    floats = np.pad(of_column, (0, missing), constant_values=filling)
    halves = np.pad(columns, ((0, missing), (0, 0)))
    pairs = halves.reshape(-1, COLUMNS, halves.shape[1] // 2, 2).swapaxes(1, 2)
    return Panels(floats.reshape(-1, COLUMNS), np.ascontiguousarray(pairs))
