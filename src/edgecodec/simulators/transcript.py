"""What the verification program prints, on every target alike, as frozen objects.

One record a line, integers in decimal, hashes as 16 hex digits::

    model <first 16 hex digits of the model hash> workers <n>
    window <i>
    layer <step> <name> hash <of the layer's output> cycles <n>
    stage <s> hash <of the stage's indices> cycles <n>
    indices <window> <s> <index of token 0> <index of token 1> ...
    regime <r> hash <of the regimes' energies> cycles <n>
    remarks <faulty channels> hash <of the remarks> cycles 0
    pack <rate> hash <of the packet> cycles <n>
    escape <bytes> hash <of the packet> cycles <n>
    chain <rate> hash <of the packet> cycles <n>
    pushed <rate> hash <of the packet> cycles <n>
    coded <a line of stage, indices, regime, remarks, pack, chain or pushed, as above>
    stack <bytes>
    done

``error <text>`` ends a program that could not go on. Hashes are 64-bit FNV-1a over the little-endian bytes. Cycles are
what the target counts: clock cycles on GVSOC, instructions on QEMU, 0 on the host. Lines that start with another word
(a simulator's own warnings) are passed over.

A quantizer of several regimes prints the one it chose after the stages in which they competed; of these stages the
words that every regime found, token by token and regime by regime. The rest is of the chosen regime.

Lines that begin with ``coded`` are of the quantizer for coded packets, if the codec has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from edgecodec.errors import EdgeCodecError
from edgecodec.packets.kind import PacketKind


@dataclass(frozen=True)
class LayerRecord:
    step: int
    name: str
    hash: str
    cycles: int


@dataclass(frozen=True)
class StageRecord:
    stage: int
    hash: str
    cycles: int
    indices: tuple[int, ...]  # one per token; while regimes compete, those of every regime
    kind: PacketKind = PacketKind.FIXED_LENGTH


@dataclass(frozen=True)
class ChoiceRecord:
    regime: int
    hash: str
    cycles: int
    kind: PacketKind = PacketKind.FIXED_LENGTH


@dataclass(frozen=True)
class RemarksRecord:
    """What is said of a window, if the codec has a monitor."""

    faulty: int  # channels
    hash: str
    cycles: int
    kind: PacketKind = PacketKind.FIXED_LENGTH


@dataclass(frozen=True)
class PackRecord:
    rate: int
    hash: str
    cycles: int
    kind: PacketKind = PacketKind.FIXED_LENGTH


@dataclass(frozen=True)
class EscapeRecord:
    """The escape of a window, within the bound that the verification program knows."""

    bytes: int
    hash: str
    cycles: int


@dataclass(frozen=True)
class ChainRecord:
    """From the window to the packet at one rate, without an observer between the steps."""

    rate: int
    hash: str  # of the packet
    cycles: int
    kind: PacketKind = PacketKind.FIXED_LENGTH


@dataclass(frozen=True)
class PushedRecord:
    """The same at the highest rate, from the first sample that one worker pushes to the packet."""

    rate: int
    hash: str  # of the packet
    cycles: int
    kind: PacketKind = PacketKind.FIXED_LENGTH


KindRecord = StageRecord | ChoiceRecord | RemarksRecord | PackRecord | ChainRecord | PushedRecord
Record = LayerRecord | EscapeRecord | KindRecord
_Kind = TypeVar("_Kind", bound=KindRecord)


@dataclass(frozen=True)
class WindowRecord:
    window: int
    records: tuple[Record, ...]  # in the order in which they were printed

    @property
    def layers(self) -> tuple[LayerRecord, ...]:
        return tuple(record for record in self.records if isinstance(record, LayerRecord))

    @property
    def kinds(self) -> tuple[PacketKind, ...]:
        """The kinds of packets that the codec has."""
        return tuple(dict.fromkeys(record.kind for record in self.records if isinstance(record, StageRecord)))

    def of(self, kind: PacketKind, what: type[_Kind]) -> tuple[_Kind, ...]:
        """Records of one type, in order. There is no choice if there is one regime; chains and what was pushed are the
        first window's."""
        return tuple(record for record in self.records if isinstance(record, what) and record.kind is kind)


@dataclass(frozen=True)
class Transcript:
    model: str  # first 16 hex digits of the model hash
    workers: int
    windows: tuple[WindowRecord, ...]
    stack_bytes: int | None  # deepest use of any worker's stack; None where the target cannot tell


_NUMBERED: Mapping[str, type[ChoiceRecord | RemarksRecord | PackRecord | ChainRecord | PushedRecord]] = {
    "regime": ChoiceRecord, "remarks": RemarksRecord, "pack": PackRecord, "chain": ChainRecord, "pushed": PushedRecord}
_OF_A_KIND = {"stage", "indices", *_NUMBERED}
_KEYWORDS = {"model", "window", "layer", "escape", "stack", "done", *_OF_A_KIND}
_KINDS = {PacketKind.CODED.label: PacketKind.CODED}  # by what lines begin with


@dataclass
class _Reader:
    """Collects records line by line; ``place`` says how far the program came."""

    model: str = ""
    workers: int = 0
    windows: list[WindowRecord] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    window: int | None = None
    stage: tuple[int, str, int] | None = None
    stack_bytes: int | None = None
    done: bool = False
    place: str = "nothing was printed"

    def read_line(self, keyword: str, words: list[str], kind: PacketKind = PacketKind.FIXED_LENGTH) -> None:
        """
        Raises:
            ValueError: the line is damaged.
        """
        match keyword, *words:
            case "model", model, "workers", workers:
                self.model, self.workers = model, int(workers)
            case "window", window:
                self.close_window()
                self.window = int(window)
            case "layer", step, name, "hash", digest, "cycles", cycles:
                self.records.append(LayerRecord(int(step), name, digest, int(cycles)))
            case "stage", stage, "hash", digest, "cycles", cycles:
                self.stage = (int(stage), digest, int(cycles))
            case "indices", window, stage, *indices:
                if self.stage is None or (window, stage) != (str(self.window), str(self.stage[0])):
                    raise ValueError
                self.records.append(StageRecord(*self.stage, tuple(map(int, indices)), kind))
                self.stage = None
            case "regime" | "remarks" | "pack" | "chain" | "pushed", number, "hash", digest, "cycles", cycles:
                self.records.append(_NUMBERED[keyword](int(number), digest, int(cycles), kind))
            case "escape", size, "hash", digest, "cycles", cycles:
                self.records.append(EscapeRecord(int(size), digest, int(cycles)))
            case "stack", stack_bytes:
                self.stack_bytes = int(stack_bytes)
            case ("done",):
                self.close_window()
                self.done = True
            case label, first, *others if label in _KINDS and first in _OF_A_KIND:
                self.read_line(first, others, _KINDS[label])
            case _:
                raise ValueError

    def close_window(self) -> None:
        if self.window is not None:
            self.windows.append(WindowRecord(self.window, tuple(self.records)))
        self.records = []


def parse_transcript(text: str) -> Transcript:
    """Read the verification program's output.

    Raises:
        EdgeCodecError: the program reported an error, a line is damaged, or the output ends before ``done``; the text
            names the last line that arrived.
    """
    reader = _Reader()
    for line in text.splitlines():
        keyword, *words = line.split() or [""]
        if keyword == "error":
            raise EdgeCodecError(f"verification program: {' '.join(words)} ({reader.place})")
        if keyword in _KEYWORDS or keyword in _KINDS:
            try:
                reader.read_line(keyword, words)
            except ValueError:
                raise EdgeCodecError(f"verification program: damaged line '{line.strip()}' ({reader.place})") from None
            reader.place = f"last line: '{line.strip()[:80]}'"
    if not reader.done:
        raise EdgeCodecError(f"verification program: stopped before its end ({reader.place})")
    return Transcript(reader.model, reader.workers, tuple(reader.windows), reader.stack_bytes)
