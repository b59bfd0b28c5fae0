"""Entropy coding of a window's indices: exact arithmetic coding with static tables.

A window is a few symbols: its regime, then one index per stage, coded with the tables of that regime. The words of a
table share the 4096 slots [0, 4096) in their order; a word with frequency f has f slots, from its cumulative
frequency c on. In the same way the windows of n symbols share the numbers [0, 4096**n): going from the last symbol
to the first, with j symbols behind it, a symbol maps the interval [first, last] that those own to

    [c * 4096**j + f * first, c * 4096**j + f * last + f - 1].

The payload names any number of the window's interval: it is the shortest string of bytes that does so as the number's
leading bytes, with zeros behind them, and the greatest of equal length. The interval holds 4096**n / 2**bits numbers,
where bits = sum of log2(4096 / f), so that **no payload is longer than its bits rounded up to whole bytes**.

Rissanen and Langdon, "Arithmetic coding", IBM J. Res. Dev. 23 (1979). As a window has about a hundred symbols, the
interval is kept whole, nothing is renormalized and nothing approximated. (Asymmetric numeral systems kept whole the
same way need a byte more per window: the first symbol pushed costs log2 of its c, not of 4096 / f.)

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

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgecodec.errors import EdgeCodecError

PRECISION_BITS = 12
SLOTS = 1 << PRECISION_BITS
SYMBOLS_MAX = 128  # the regime and the stages: the node keeps the interval on its stack

# Numbers of many windows are limbs of float64, the most significant first. A limb times a frequency leaves 5 of the
# 53 bits, so that all is exact, even the floor of a quotient; and processors divide vectors of floats, not of integers.
_LIMB_DIGITS = 3
_LIMB = float(SLOTS**_LIMB_DIGITS)
_DIGIT_SHIFTS = PRECISION_BITS * np.arange(_LIMB_DIGITS, dtype=np.uint64)[::-1]
_WINDOWS_AT_ONCE = 8192  # enough to forget about Python, few enough for the cache


@dataclass(frozen=True, eq=False)
class EntropyTables:
    """Frequencies that node and decoder share. Every table sums to 4096, and no frequency is 0.

    Raises:
        EdgeCodecError: a table does not, regimes differ in number of stages, or there are too many stages.
    """

    regime_frequencies: NDArray[np.uint16]  # [regimes]
    word_frequencies: tuple[tuple[NDArray[np.uint16], ...], ...]  # [regime][stage], each [words]

    def __post_init__(self) -> None:
        _check_table("the regimes", self.regime_frequencies)
        if len(self.word_frequencies) != self.regimes:
            raise EdgeCodecError(f"entropy tables: of {len(self.word_frequencies)} regimes, but the regimes' own "
                                 f"table has {self.regimes}; give each regime a set of tables")
        if self.stages >= SYMBOLS_MAX:
            raise EdgeCodecError(f"entropy tables: {self.stages} stages; at most {SYMBOLS_MAX - 1} can be coded")
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

    def _slots_of_column(self, symbols: NDArray[np.int64], position: int) -> tuple[NDArray[np.float64], ...]:
        """Of the symbols at ``position`` in all windows: their first slots, and how many they have."""
        low, end = (self._cumulative[symbols[:, 0], position, symbols[:, position] + edge].astype(np.float64)
                    for edge in (0, 1))
        return low, end - low

    def _encode_block(self, symbols: NDArray[np.int64]) -> list[bytes]:
        """As :meth:`encode`, of symbols that are in their alphabets."""
        windows, digits = symbols.shape
        limbs = _limbs(digits)
        unit = float(SLOTS ** (_LIMB_DIGITS * limbs - digits))  # the digits behind the last symbol's stay 0
        numbers = np.zeros((limbs, 2, windows))  # the interval's first and last
        shifted = np.empty((2, windows))
        for position in reversed(range(digits)):
            limb, weight = _place(position)
            low, frequency = self._slots_of_column(symbols, position)
            carry = np.stack([np.zeros(windows), (frequency - 1) * unit])
            for number in numbers[:limb:-1]:
                number *= frequency
                number += carry
                np.floor(np.multiply(number, 1 / _LIMB, out=carry), out=carry)
                number -= np.multiply(carry, _LIMB, out=shifted)
            numbers[limb] = low * weight + numbers[limb] * frequency + carry
        return _shortest(*_bytes_of_limbs(numbers))

    def _decode_block(self, payloads: Sequence[bytes], stages: int) -> NDArray[np.int64]:
        """As :meth:`decode`, without a look at whether the payloads are any window's: [windows, 1 + stages]."""
        numbers = _limbs_of_bytes(payloads, _limbs(1 + stages))
        symbols = np.zeros((len(payloads), 1 + stages), np.int64)  # the regimes' own table is in regime 0, too
        product = np.empty(len(payloads))
        for position in range(1 + stages):
            limb, weight = _place(position)
            slot = (numbers[limb] / weight).astype(np.int64)
            symbols[:, position] = self._words[symbols[:, 0], position, slot]
            low, frequency = self._slots_of_column(symbols, position)
            numbers[limb] -= low * weight
            remainder = np.zeros(len(payloads))
            for number in numbers[limb:]:
                remainder *= _LIMB
                remainder += number
                np.floor(np.divide(remainder, frequency, out=number), out=number)
                remainder -= np.multiply(number, frequency, out=product)
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


def _shortest(first: NDArray[np.uint8], last: NDArray[np.uint8]) -> list[bytes]:
    """Row by row the shortest beginning of ``last`` that is not below ``first`` once zeros stand behind it: up to the
    byte where ``last`` exceeds ``first``, or where ``first`` ends."""
    windows, size = first.shape
    end = np.ones((windows, 1), bool)
    exceeding = np.argmax(np.hstack([first != last, end]), axis=1) + 1
    trailing_zeros = np.argmax(np.hstack([first[:, ::-1] != 0, end]), axis=1)
    sizes = np.minimum(exceeding, size - trailing_zeros)
    content = last.tobytes()
    return [content[start : start + length] for start, length in zip(count(0, size), sizes.tolist(), strict=False)]


def _limbs(digits: int) -> int:
    """Limbs for so many digits: an even number, so that they are whole bytes."""
    return 2 * -(-digits // (2 * _LIMB_DIGITS))


def _place(position: int) -> tuple[int, float]:
    """Which limb has the digit at ``position``, and what a 1 there counts."""
    limb, place = divmod(position, _LIMB_DIGITS)
    return limb, float(SLOTS ** (_LIMB_DIGITS - 1 - place))


def _bytes_of_limbs(numbers: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Limbs [limbs, ..., windows] as big-endian bytes [..., windows, bytes]."""
    limbs = np.moveaxis(numbers, 0, -1).astype(np.uint64)
    digits = limbs[..., np.newaxis] >> _DIGIT_SHIFTS & np.uint64(SLOTS - 1)
    pairs = digits.reshape(*limbs.shape[:-1], -1, 2) @ np.array([SLOTS, 1], np.uint64)
    return pairs.astype(">u4")[..., np.newaxis].view(np.uint8)[..., 1:].reshape(*limbs.shape[:-1], -1)


def _limbs_of_bytes(payloads: Sequence[bytes], limbs: int) -> NDArray[np.float64]:
    """The leading bytes of payloads, with zeros behind them, as [limbs, windows]."""
    size = limbs * _LIMB_DIGITS * PRECISION_BITS // 8
    content = b"".join(payload[:size].ljust(size, b"\0") for payload in payloads)
    triples = np.frombuffer(content, np.uint8).reshape(len(payloads), -1, 3).astype(np.uint32)
    pairs = triples[..., 0] << 16 | triples[..., 1] << 8 | triples[..., 2]
    digits = np.stack([pairs >> PRECISION_BITS, pairs & SLOTS - 1], axis=-1).reshape(len(payloads), limbs, -1)
    return np.ascontiguousarray((digits @ np.exp2(_DIGIT_SHIFTS)).T)
