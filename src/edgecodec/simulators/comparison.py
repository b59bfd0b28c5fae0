"""Firmware against oracle, bit for bit: the first layer, stage, choice or packet that differs, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest

from edgecodec.deploy.golden import expected_transcript
from edgecodec.deploy.oracle import encode
from edgecodec.packets.network import ExportedCodec, Single
from edgecodec.simulators.transcript import (
    ChainRecord,
    ChoiceRecord,
    EscapeRecord,
    LayerRecord,
    PackRecord,
    PushedRecord,
    Record,
    RemarksRecord,
    StageRecord,
    Transcript,
    parse_transcript,
)

_PACKETS: Mapping[type[Record], str] = {PackRecord: "packet", ChainRecord: "chain", PushedRecord: "pushed window"}


@dataclass(frozen=True)
class Difference:
    window: int | None  # None: before any window
    place: str  # "layer 3 (unit_wide)", "stage 0", "choice of the regime", "coded packet at rate 2", "escape"
    expected: str
    actual: str

    def __str__(self) -> str:
        where = self.place if self.window is None else f"window {self.window}, {self.place}"
        return f"{where}: expected {self.expected}, got {self.actual}"


@dataclass(frozen=True)
class Comparison:
    windows: int
    results: int  # layers, stages, choices, remarks, packets, escapes, chains and pushed windows that were compared
    first_difference: Difference | None

    @property
    def bit_exact(self) -> bool:
        return self.first_difference is None


def compare_with_oracle(codec: ExportedCodec, windows: Single, actual: Transcript) -> Comparison:
    """Compare what a simulator printed for ``windows`` [n, samples, channels] with what the oracle computes."""
    return compare(parse_transcript(expected_transcript(codec, encode(codec, windows))), actual)


def compare(expected: Transcript, actual: Transcript) -> Comparison:
    """Compare results, not cycles."""
    results = sum(len(window.records) for window in expected.windows)
    return Comparison(len(expected.windows), results, next(_differences(expected, actual), None))


def _differences(expected: Transcript, actual: Transcript) -> Iterator[Difference]:
    if expected.model != actual.model:
        yield Difference(None, "model", expected.model, actual.model)
    for number, (wanted, given) in enumerate(zip_longest(expected.windows, actual.windows)):
        for one, other in zip_longest(*(window.records if window else () for window in (wanted, given))):
            if one is None or other is None or _value(one) != _value(other):
                yield Difference(number, _place(one or other), _text(one), _text(other))


def _place(record: Record) -> str:
    if isinstance(record, LayerRecord):
        return f"layer {record.step} ({record.name})"
    if isinstance(record, EscapeRecord):
        return "escape"
    kind = record.kind.prefix(" ")
    if isinstance(record, ChoiceRecord):
        return f"choice of the {kind}regime"
    if isinstance(record, StageRecord):
        return f"{kind}stage {record.stage}"
    if isinstance(record, RemarksRecord):
        return f"{kind}remarks"
    return f"{kind}{_PACKETS[type(record)]} at rate {record.rate}"


def _value(record: Record) -> Record:
    """What must be equal: all but the cycles."""
    return replace(record, cycles=0)


def _text(record: Record | None) -> str:
    if record is None:
        return "nothing"
    if isinstance(record, ChoiceRecord):
        return f"regime {record.regime} of energies {record.hash}"
    if isinstance(record, EscapeRecord):
        return f"{record.bytes} bytes, {record.hash}"
    if isinstance(record, StageRecord) and len(record.indices) <= 16:
        return f"indices {' '.join(str(index) for index in record.indices)}"
    return record.hash
