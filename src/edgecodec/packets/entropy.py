"""Entropy coding of a window's indices: a range coder with static tables.

A window is a few symbols: its regime, then one index per stage, coded with the tables of that regime. The words of a
table share the 4096 slots [0, 4096) in their order; a word with frequency f has f slots, from its cumulative
frequency c on.

A payload's bytes are the digits of a number in [0, 1), of which every window owns an interval. Of that the coder holds
32 bits, where it begins, ``low``, and its ``width``, at first 2**32 - 1. A symbol takes its share:

    unit = width >> 12;  low += unit * c;  width = unit * f

As long as the width is below 2**24, the highest byte of low goes out, and both are shifted by 8 bits. A carry of low
goes into the bytes that are out. The only word of a table is no symbol: it changes nothing. In the end the payload is
the shortest string of bytes that, with zeros behind them, names a number of the interval; the least of equal length.

G. N. N. Martin, "Range encoding" (1979), as :mod:`.range_coder` has it for one window. A unit is rounded down, which
takes less than 2**12 from a width of 2**24 or more: **no payload is longer than its bits, the sum of log2(4096 / f),
and 1/2800 bit per symbol, rounded up to whole bytes**.

A payload that decodes is the very one that :meth:`EntropyTables.encode` writes for what it decodes to. In particular

- the empty payload is the window of all first words, and no payload ends in a zero byte;
- the number of stages is not in the payload: the packet's header says it, and its checksum guards both;
- bits that a payload has to spare to the next byte reveal some damage, not all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgecodec.errors import EdgeCodecError

PRECISION_BITS = 12
SLOTS = 1 << PRECISION_BITS
_WIDTH = (1 << 32) - 1
_LEAST_WIDTH = 1 << 24
_BITS_LOST = -float(np.log2(1 - (SLOTS - 1) / _LEAST_WIDTH))  # by a symbol, at most
_WINDOWS_AT_ONCE = 8192  # enough to forget about Python, few enough for the cache


@dataclass(frozen=True, eq=False)
class EntropyTables:
    """Frequencies that node and decoder share. Every table sums to 4096, and no frequency is 0.

    Raises:
        EdgeCodecError: a table does not, or regimes differ in number of stages.
    """

    coder: ClassVar[str] = "range"  # in the structure of exported codecs

    regime_frequencies: NDArray[np.uint16]  # [regimes]
    word_frequencies: tuple[tuple[NDArray[np.uint16], ...], ...]  # [regime][stage], each [words]

    def __post_init__(self) -> None:
        _check_table("the regimes", self.regime_frequencies)
        if len(self.word_frequencies) != self.regimes:
            raise EdgeCodecError(f"entropy tables: of {len(self.word_frequencies)} regimes, but the regimes' own "
                                 f"table has {self.regimes}; give each regime a set of tables")
        for regime, tables in enumerate(self.word_frequencies):
            if len(tables) != self.stages:
                raise EdgeCodecError(f"entropy tables: regime {regime} has {len(tables)} stages, regime 0 has "
                                     f"{self.stages}; give every regime as many")
            for stage, table in enumerate(tables):
                _check_table(f"regime {regime}, stage {stage}", table)

    @property
    def regimes(self) -> int:
        return len(self.regime_frequencies)

    @property
    def stages(self) -> int:
        return len(self.word_frequencies[0])

    @property
    def in_order(self) -> tuple[NDArray[np.uint16], ...]:
        """That of the regimes, then regime by regime those of the stages."""
        return (self.regime_frequencies, *(table for tables in self.word_frequencies for table in tables))

    def size(self, stages: int) -> int:
        """Bytes that are enough for the payload of any window of so many stages."""
        self._check_stages(stages)
        return int(self._sizes[stages])

    def encode(self, symbols: NDArray[np.int64]) -> list[bytes]:
        """The payloads of windows.

        Args:
            symbols: [windows, 1 + stages], of every window its regime and a word per stage; at a lower rate fewer
                stages than there are tables for.

        Raises:
            EdgeCodecError: as of :meth:`check`.
        """
        self.check(symbols)
        return [payload for start in range(0, len(symbols), _WINDOWS_AT_ONCE)
                for payload in self._encode_block(symbols[start : start + _WINDOWS_AT_ONCE])]

    def decode(self, payloads: Sequence[bytes], stages: int) -> NDArray[np.uint16]:
        """The symbols [windows, 1 + stages] that were encoded as ``payloads``.

        Raises:
            EdgeCodecError: more stages than tables, or no window of so many stages has such a payload; the text names
                the first that is refused.
        """
        self._check_stages(stages)
        symbols = np.empty((len(payloads), 1 + stages), np.int64)
        for start in range(0, len(payloads), _WINDOWS_AT_ONCE):
            block = payloads[start : start + _WINDOWS_AT_ONCE]
            decoded = self._decode_block(block, stages)
            for number, (payload, encoded) in enumerate(zip(block, self._encode_block(decoded), strict=True), start):
                if payload != encoded:
                    raise EdgeCodecError(f"payload {number}: no window of {stages} stages has these {len(payload)} "
                                         "bytes; they are damaged, or the sender is faulty; leave them out")
            symbols[start : start + len(block)] = decoded
        return symbols.astype(np.uint16)

    @cached_property
    def _tables(self) -> tuple[tuple[NDArray[np.uint16], ...], ...]:
        """[regime][symbol]: the regimes' own table comes first in every regime."""
        return tuple((self.regime_frequencies, *tables) for tables in self.word_frequencies)

    @cached_property
    def _alphabets(self) -> NDArray[np.int64]:
        """Words of every table: [regimes, 1 + stages]."""
        return np.array([[len(table) for table in tables] for tables in self._tables])

    @cached_property
    def _sizes(self) -> NDArray[np.int64]:
        """By number of stages: [1 + stages]. The rarest words of every stage, in the regime where they take most."""
        least = np.array([[self.regime_frequencies[regime], *(table.min() for table in tables)]
                          for regime, tables in enumerate(self.word_frequencies)])
        bits = np.where(least < SLOTS, PRECISION_BITS - np.log2(least) + _BITS_LOST, 0)
        sizes: NDArray[np.int64] = np.ceil(bits.cumsum(axis=1).max(axis=0) / 8).astype(np.int64)
        return sizes

    @cached_property
    def _cumulative(self) -> NDArray[np.uint16]:
        """Cumulative frequencies [regimes, 1 + stages, words + 1]; those of shorter tables end in more 4096s."""
        cumulative = np.full((*self._alphabets.shape, 1 + self._alphabets.max()), SLOTS, np.uint16)
        for regime, tables in enumerate(self._tables):
            for position, table in enumerate(tables):
                cumulative[regime, position, : len(table) + 1] = cumulative_frequencies(table)
        return cumulative

    @cached_property
    def _words(self) -> NDArray[np.uint16]:
        """Which word owns a slot: [regimes, 1 + stages, 4096]."""
        return np.array([[np.repeat(np.arange(len(table), dtype=np.uint16), table) for table in tables]
                         for tables in self._tables])

    def _check_stages(self, stages: int) -> None:
        if not 0 <= stages <= self.stages:
            raise EdgeCodecError(f"payload of {stages} stages: the entropy tables are for at most {self.stages}")

    def check(self, symbols: NDArray[np.int64]) -> None:
        """
        Raises:
            EdgeCodecError: no such regime, more stages than tables, or a word outside its alphabet.
        """
        self._check_stages(symbols.shape[1] - 1)
        regimes = symbols[:, 0]
        if (absent := (regimes < 0) | (regimes >= self.regimes)).any():
            raise EdgeCodecError(f"regime {regimes[absent][0]}: the entropy tables are for 0 to {self.regimes - 1}")
        sizes = self._alphabets[regimes, : symbols.shape[1]]
        if (absent := (symbols < 0) | (symbols >= sizes)).any():
            window, position = np.argwhere(absent)[0]
            raise EdgeCodecError(f"stage {position - 1}: index {symbols[window, position]}, but regime "
                                 f"{regimes[window]} has {sizes[window, position]} words there")

    def _slots_of_column(self, symbols: NDArray[np.int64], position: int) -> tuple[NDArray[np.int64], ...]:
        """Of the symbols at ``position`` in all windows: their first slots, and how many they have."""
        _, positions, edges = self._cumulative.shape
        places = (symbols[:, 0] * positions + position) * edges + symbols[:, position]
        first, end = (self._cumulative.ravel().take(places + edge).astype(np.int64) for edge in (0, 1))
        return first, end - first

    def _encode_block(self, symbols: NDArray[np.int64]) -> list[bytes]:
        """As :meth:`encode`, of symbols that are in their alphabets."""
        windows, count = symbols.shape
        low, width, size = np.zeros(windows, np.int64), np.full(windows, _WIDTH), np.zeros(windows, np.int64)
        written = np.zeros((1 + self.size(count - 1), windows), np.uint16)  # bytes; their carries are the ninth bits
        for position in range(count):
            first, frequency = self._slots_of_column(symbols, position)
            unit = width >> PRECISION_BITS
            low += unit * first
            width = np.where(frequency < SLOTS, unit * frequency, width)
            while (narrow := np.flatnonzero(width < _LEAST_WIDTH)).size:
                written[size[narrow], narrow] = low[narrow] >> 24
                low[narrow] = (low[narrow] & 0xFFFFFF) << 8
                width[narrow] <<= 8
                size[narrow] += 1
        to_whole = -low & 0xFFFFFFFF  # the number of the interval that ends in the most zero bytes
        low += np.where(to_whole < width, to_whole, to_whole & 0xFFFFFF)
        written[size, np.arange(windows)] = low >> 24
        return _without_zeros(_carried(written))

    def _decode_block(self, payloads: Sequence[bytes], stages: int) -> NDArray[np.int64]:
        """As :meth:`decode`, without a look at whether the payloads are any window's: [windows, 1 + stages]."""
        windows, longest = len(payloads), self.size(stages) + 4
        content = np.frombuffer(b"".join(payload[:longest].ljust(longest, b"\0") for payload in payloads), np.uint8)
        content = content.reshape(windows, longest).T
        above, width, read = np.zeros(windows, np.int64), np.full(windows, _WIDTH), np.full(windows, 4)
        for byte in content[:4]:
            above = above << 8 | byte  # above low
        symbols = np.zeros((windows, 1 + stages), np.int64)  # the regimes' own table is in regime 0, too
        for position in range(1 + stages):
            unit = width >> PRECISION_BITS
            slot = (above / unit).astype(np.int64) & SLOTS - 1  # of a window's payload, always below SLOTS
            symbols[:, position] = self._words[symbols[:, 0], position, slot]
            first, frequency = self._slots_of_column(symbols, position)
            above -= unit * first
            width = np.where(frequency < SLOTS, unit * frequency, width)
            while (narrow := np.flatnonzero(width < _LEAST_WIDTH)).size:
                above[narrow] = above[narrow] << 8 | content[read[narrow], narrow]
                width[narrow] <<= 8
                read[narrow] += 1
        return symbols


def quantize_frequencies(counts: ArrayLike) -> NDArray[np.uint16]:
    """The frequencies that code ``counts`` [words] in the fewest bits: at least 1 each, 4096 in all.

    The cost is the sum of counts * log2(4096 / frequencies). Each slot that a word gets saves fewer bits than the one
    before, so that the slots to give out, once every word has one, are simply those that save most.

    Args:
        counts: how often each word occurred; smooth them first where few windows were counted.

    Raises:
        EdgeCodecError: no words or more than 4096, a count that is negative or not finite, or only zeros.
    """
    weights = np.asarray(counts, np.float64)
    if weights.ndim != 1 or not 1 <= len(weights) <= SLOTS:
        raise EdgeCodecError(f"counts: {list(weights.shape)}; a table has 1 to {SLOTS} words")
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise EdgeCodecError("counts: must be finite, not negative, and not all 0; count the training windows again")
    spare = SLOTS - len(weights)
    saved_bits = np.outer(weights, np.log2(1 + 1 / np.arange(1, spare + 1)))  # by a word's 2nd, 3rd, ... slot
    best = np.argsort(-saved_bits, axis=None, kind="stable")[:spare]
    return (1 + np.bincount(best // spare, minlength=len(weights))).astype(np.uint16)


def cumulative_frequencies(frequencies: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """[words + 1], from 0 to 4096: what a table is to the node."""
    cumulative = np.zeros(len(frequencies) + 1, np.uint16)
    cumulative[1:] = np.cumsum(frequencies)
    return cumulative


def _check_table(name: str, frequencies: NDArray[np.uint16]) -> None:
    if frequencies.ndim != 1 or (frequencies < 1).any() or frequencies.sum(dtype=np.int64) != SLOTS:
        raise EdgeCodecError(f"entropy tables: {name}: frequencies must be at least 1 and sum to {SLOTS}; "
                             "make them with quantize_frequencies")


def _carried(written: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Bytes [windows, bytes] of ``written`` [bytes, windows], where bits above a byte belong to the one before it."""
    for before, byte in zip(written[-2::-1], written[:0:-1], strict=True):
        before += byte >> 8
    return written.T.astype(np.uint8)


def _without_zeros(rows: NDArray[np.uint8]) -> list[bytes]:
    """Row by row the bytes up to the last that is not zero."""
    windows, size = rows.shape
    end = np.ones((windows, 1), bool)
    sizes = size - np.argmax(np.hstack([rows[:, ::-1] != 0, end]), axis=1)
    content = rows.tobytes()
    return [content[start : start + length] for start, length in zip(count(0, size), sizes.tolist(), strict=False)]
