"""What the verification program prints, on every target alike, as frozen objects.

One record a line, integers in decimal, hashes as 16 hex digits::

    model <first 16 hex digits of the model hash> workers <n>
    window <i>
    layer <step> <name> hash <of the layer's output> cycles <n>
    stage <s> hash <of the stage's indices> cycles <n>
    indices <window> <s> <index of token 0> <index of token 1> ...
    regime <r> hash <of the regimes' energies> cycles <n>
    pack <rate> hash <of the packet> cycles <n>
    coded <a line of stage, indices, regime or pack, as above>
    stack <bytes>
    done

``error <text>`` ends a program that could not go on. Hashes are 64-bit FNV-1a over the little-endian bytes. Cycles are
what the target counts: clock cycles on GVSOC, instructions on QEMU, 0 on the host. Lines that start with another word
(a simulator's own warnings) are passed over.

A quantizer of several regimes prints the one it chose after the stages in which they competed; of these stages the
words that every regime found, token by token and regime by regime. The rest is of the chosen regime.

Lines that begin with ``coded`` are of the second quantizer, for coded packets, if the codec has one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from edgecodec.errors import EdgeCodecError


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
    coded: bool = False  # this, here and below: of coded packets


@dataclass(frozen=True)
class ChoiceRecord:
    regime: int
    hash: str
    cycles: int
    coded: bool = False


@dataclass(frozen=True)
class PackRecord:
    rate: int
    hash: str
    cycles: int
    coded: bool = False


@dataclass(frozen=True)
class ChainRecord:
    """From the window to the packet at one rate, without an observer between the steps."""

    rate: int
    hash: str  # of the packet
    cycles: int
    coded: bool = False


Record = LayerRecord | StageRecord | ChoiceRecord | PackRecord | ChainRecord


@dataclass(frozen=True)
class QuantizerRecords:
    """Those of one kind of packets."""

    stages: tuple[StageRecord, ...]
    choice: ChoiceRecord | None
    packets: tuple[PackRecord, ...]
    chains: tuple[ChainRecord, ...]  # of the first window; the others have none

    @classmethod
    def among(cls, records: tuple[Record, ...], coded: bool) -> QuantizerRecords:
        choices = (record for record in records if isinstance(record, ChoiceRecord) and record.coded == coded)
        return cls(
            tuple(record for record in records if isinstance(record, StageRecord) and record.coded == coded),
            next(choices, None),
            tuple(record for record in records if isinstance(record, PackRecord) and record.coded == coded),
            tuple(record for record in records if isinstance(record, ChainRecord) and record.coded == coded),
        )


@dataclass(frozen=True)
class WindowRecord:
    window: int
    records: tuple[Record, ...]  # in the order in which they were printed

    @property
    def layers(self) -> tuple[LayerRecord, ...]:
        return tuple(record for record in self.records if isinstance(record, LayerRecord))

    @property
    def stages(self) -> tuple[StageRecord, ...]:
        return self.fixed_length.stages

    @property
    def choice(self) -> ChoiceRecord | None:
        """None if there is one regime."""
        return self.fixed_length.choice

    @property
    def packets(self) -> tuple[PackRecord, ...]:
        return self.fixed_length.packets

    @property
    def fixed_length(self) -> QuantizerRecords:
        return QuantizerRecords.among(self.records, coded=False)

    @property
    def coded(self) -> QuantizerRecords | None:
        """None if the codec has no coded packets."""
        found = QuantizerRecords.among(self.records, coded=True)
        return found if found.stages else None

    @property
    def chains(self) -> tuple[ChainRecord, ...]:
        return self.fixed_length.chains


@dataclass(frozen=True)
class Transcript:
    model: str  # first 16 hex digits of the model hash
    workers: int
    windows: tuple[WindowRecord, ...]
    stack_bytes: int | None  # deepest use of any worker's stack; None where the target cannot tell


@dataclass
class _Reader:
    """Collects records line by line; ``place`` says how far the program came."""

    model: str = ""
    workers: int = 0
    windows: list[WindowRecord] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    window: int | None = None
    stage: tuple[int, str, int] | None = None
    coded: bool = False
    stack_bytes: int | None = None
    done: bool = False
    place: str = "nothing was printed"

    def model_line(self, words: list[str]) -> None:
        (self.model, _workers, workers) = words
        self.workers = int(workers)

    def window_line(self, words: list[str]) -> None:
        (window,) = words
        self.close_window()
        self.window = int(window)

    def layer_line(self, words: list[str]) -> None:
        step, name, _hash, digest, _cycles, cycles = words
        self.records.append(LayerRecord(int(step), name, digest, int(cycles)))

    def stage_line(self, words: list[str]) -> None:
        stage, _hash, digest, _cycles, cycles = words
        self.stage = (int(stage), digest, int(cycles))

    def indices_line(self, words: list[str]) -> None:
        if self.stage is None or words[:2] != [str(self.window), str(self.stage[0])]:
            raise ValueError
        self.records.append(StageRecord(*self.stage, tuple(int(word) for word in words[2:]), self.coded))
        self.stage = None

    def regime_line(self, words: list[str]) -> None:
        regime, _hash, digest, _cycles, cycles = words
        self.records.append(ChoiceRecord(int(regime), digest, int(cycles), self.coded))

    def pack_line(self, words: list[str]) -> None:
        rate, _hash, digest, _cycles, cycles = words
        self.records.append(PackRecord(int(rate), digest, int(cycles), self.coded))

    def coded_line(self, words: list[str]) -> None:
        lines = {"stage": self.stage_line, "indices": self.indices_line, "regime": self.regime_line,
                 "pack": self.pack_line, "chain": self.chain_line}
        keyword, *words = words
        if keyword not in lines:
            raise ValueError
        self.coded = True
        lines[keyword](words)
        self.coded = False

    def chain_line(self, words: list[str]) -> None:
        rate, _hash, digest, _cycles, cycles = words
        self.records.append(ChainRecord(int(rate), digest, int(cycles), self.coded))

    def stack_line(self, words: list[str]) -> None:
        (stack_bytes,) = words
        self.stack_bytes = int(stack_bytes)

    def done_line(self, words: list[str]) -> None:
        if words:
            raise ValueError
        self.close_window()
        self.done = True

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
    records: dict[str, Callable[[list[str]], None]] = {
        "model": reader.model_line, "window": reader.window_line, "layer": reader.layer_line,
        "stage": reader.stage_line, "indices": reader.indices_line, "regime": reader.regime_line,
        "pack": reader.pack_line, "chain": reader.chain_line, "coded": reader.coded_line,
        "stack": reader.stack_line, "done": reader.done_line,
    }
    for line in text.splitlines():
        keyword, *words = line.split() or [""]
        if keyword == "error":
            raise EdgeCodecError(f"verification program: {' '.join(words)} ({reader.place})")
        if keyword in records:
            try:
                records[keyword](words)
            except ValueError:
                raise EdgeCodecError(f"verification program: damaged line '{line.strip()}' ({reader.place})") from None
            reader.place = f"last line: '{line.strip()[:80]}'"
    if not reader.done:
        raise EdgeCodecError(f"verification program: stopped before its end ({reader.place})")
    return Transcript(reader.model, reader.workers, tuple(reader.windows), reader.stack_bytes)
