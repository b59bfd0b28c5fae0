"""``edgecodec evaluate``, ``encode`` and ``decode``: windows to packets, and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgecodec.commands.options import ARTIFACTS, Artifacts, AsJson
from edgecodec.errors import EdgeCodecError
from edgecodec.packets.link import Link

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgecodec.deploy.oracle import Encoding
    from edgecodec.packets.kind import PacketKind
    from edgecodec.packets.packet import PacketFormat

FRAMES = "Frames, for a receiver that knows the model: radio, or checked by a link that counts and checks them itself."
LARGEST_FRACTION = 0.02  # of a count, that float32 may have lost of a value

Windows = Annotated[Path, typer.Argument(
    metavar="WINDOWS", help="An .npz with windows x [n, channels, samples], or a recording (CSV, Parquet, npy) with "
                            "the codec's channels and `time`, which are found by name.")]


def evaluate(
    windows: Windows,
    as_json: AsJson = False,
    artifacts: Artifacts = ARTIFACTS,
) -> None:
    """Compare the codec with its rivals on your windows, per rate and group."""
    import json

    from edgecodec import chosen
    from edgecodec.console import standard_output
    from edgecodec.data.window_reader import Trained, read_windows
    from edgecodec.evaluation import evaluate as evaluation
    from edgecodec.evaluation.rate_distortion import CODEC
    from edgecodec.evaluation.rivals.lineup import load_rivals
    from edgecodec.params import load_params

    params = load_params()
    codecs = evaluation.load_learned_codecs(artifacts)
    codec = codecs[CODEC]
    read = read_windows(windows, Trained(codec.window, codec.offset.numpy(), codec.scale.numpy()),
                        params.validate_, params.analyze.groups)
    found = evaluation.evaluate(read.windows, read.groups, codecs, load_rivals(artifacts / "analysis"),
                                chosen.measure(params))
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=2))
    else:
        standard_output().print(evaluation.render_table(found))
    _warn(read.remarks)


def encode(
    windows: Windows,
    packets: Annotated[Path, typer.Argument(
        metavar="PACKETS", help="The packet file to write (.ecp), or .parquet (packet).")],
    rate: Annotated[int | None, typer.Option(help="From 1, the shortest packet; the highest if not given.")] = None,
    within: Annotated[float | None, typer.Option(
        metavar="PERCENT", help="The largest error: every window has the lowest rate, up to --rate, whose estimated "
                                "error keeps it. Windows that no rate holds are named.")] = None,
    escape: Annotated[bool, typer.Option(
        "--escape", help="With --within: windows that no rate holds become escapes, which keep the bound whatever the "
                         "window, in as many bytes as it takes.")] = False,
    exact: Annotated[float | None, typer.Option(
        metavar="UNIT", help="Packets without any loss, of converter counts: all values are whole numbers of UNIT. "
                             "Some kilobytes each, for windows that are wanted for a training.")] = None,
    coded: Annotated[bool, typer.Option("--coded", help="Packets of variable length, if the codec has them.")] = False,
    first_sequence: Annotated[int, typer.Option(help="Sequence number of the first packet.")] = 0,
    link: Annotated[Link | None, typer.Option(help=FRAMES)] = None,
    together: Annotated[int, typer.Option(
        min=1, max=16, help="With --coded and --link: windows in a row that share a frame. The first waits for the "
                            "last: latency is as many windows.")] = 1,
    artifacts: Artifacts = ARTIFACTS,
) -> None:
    """Compress windows to packets, bit for bit as the firmware does."""
    import numpy as np

    from edgecodec.data.window_reader import Trained, read_windows
    from edgecodec.deploy import oracle
    from edgecodec.packets.frame import frame_all
    from edgecodec.packets.kind import PacketKind
    from edgecodec.packets.network import load_codec
    from edgecodec.packets.packet import PacketFormat
    from edgecodec.packets.packet_file import writer_of
    from edgecodec.params import load_params
    from edgecodec.progress import progress

    codec = load_codec(artifacts / "float16")
    form = PacketFormat.of(codec)
    chosen = len(form.rates) if rate is None else rate
    kind = PacketKind.CODED if coded else PacketKind.FIXED_LENGTH
    if within is not None and (codec.monitor is None or within <= 0):
        raise EdgeCodecError(f"--within: {within}; give a positive number of per cent" if codec.monitor else
                             "--within: the codec makes no remarks; run the stage calibrate, or give --rate")
    if escape and within is None:
        raise EdgeCodecError("--escape: of which error? Give --within PERCENT, too")
    if exact is not None and (rate is not None or within is not None or coded):
        raise EdgeCodecError("--exact: loses nothing, so that there is no --rate, --within or --coded to choose")
    if together > 1 and not (coded and link):
        raise EdgeCodecError("--together: only coded packets share a frame; give --coded and --link, too")
    bound = None if within is None else _Bound(within, escape)
    form.payloads(kind).stages(chosen)  # refuses a rate or kind that the codec does not have, before any work
    write = writer_of(packets)
    read = read_windows(windows, Trained(codec, *codec.normalization), load_params().validate_)
    if exact is not None:
        sealed = [_pack_exact(form, f"{windows}: window {number}", (first_sequence + number) % 0x10000, window, exact)
                  for number, window in enumerate(progress(read.windows, "Encoding"))]
        sealed = list(frame_all(form, sealed, link)) if link else sealed
        write(packets, sealed)
        typer.echo(f"{packets}: {len(sealed)} exact {'frames' if link else 'packets'} of "
                   f"{sum(map(len, sealed)) / max(1, len(sealed)):.0f} bytes on average")
        _warn(read.remarks)
        return
    sealed, over = [], []
    for number, window in enumerate(progress(read.windows, "Encoding")):
        try:
            encoding = oracle.encode(codec, np.ascontiguousarray(window.T[None]))
        except EdgeCodecError:
            raise EdgeCodecError(f"{windows}: window {number}: its values exceed float16 in the encoder; "
                                 "check their unit") from None
        packet, is_held = _pack(form, kind, encoding, (first_sequence + number) % 0x10000, chosen, bound)
        sealed.append(packet)
        if not is_held:
            over.append(number)
    sealed = list(frame_all(form, sealed, link, together)) if link else sealed
    write(packets, sealed)
    mean = sum(map(len, sealed)) / max(1, len(sealed))
    at = f"at rate {chosen}" if within is None else f"at rates up to {chosen}, for errors up to {within:g} %"
    size = f"{mean:.1f} bytes on average" if coded or within is not None else f"{mean:.0f} bytes"
    typer.echo(f"{packets}: {len(sealed)} {'frames' if link else 'packets'} of {size} {at}")
    _warn(read.remarks)
    if over:
        became = "are escapes, for no rate holds them" if escape else (
            "are over the bound at every rate, and their packets say so")
        _warn([f"{len(over)} of {len(read.windows)} windows {became}: "
               f"{', '.join(map(str, over[:10]))}{' ...' if over[10:] else ''}"])


def _pack_exact(form: PacketFormat, name: str, sequence: int, window: NDArray[np.float32], unit: float) -> bytes:
    """The exact packet of a window [channels, samples], which errors call ``name``."""
    import numpy as np

    from edgecodec.packets.counts import COUNT_MAX
    from edgecodec.packets.packet import pack_exact

    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        quotients = window.astype(np.float64) / unit
        counts = np.rint(quotients)
        farthest = float(np.abs(quotients - counts).max())
    if not (unit > 0 and farthest <= LARGEST_FRACTION):
        raise EdgeCodecError(f"{name}: holds values that are no whole numbers of {unit:g}; give the step of the "
                             "sensors' converter to --exact, in the unit of the windows")
    if np.abs(counts).max() > COUNT_MAX:
        raise EdgeCodecError(f"{name}: holds values beyond {COUNT_MAX} times {unit:g}, more than converters have; give "
                             "a larger step to --exact")
    return pack_exact(form, sequence, counts.astype(np.int32), unit)


@dataclass(frozen=True)
class _Bound:
    """On the error of every window."""

    percent: float
    escape: bool  # where no rate keeps it


def _pack(form: PacketFormat, kind: PacketKind, encoding: Encoding, sequence: int, rate: int,
          bound: _Bound | None) -> tuple[bytes, bool]:
    """The packet of the one window of ``encoding``, at ``rate`` or below; and whether some rate keeps the bound."""
    from edgecodec.packets.monitor import rate_within
    from edgecodec.packets.packet import pack, pack_escape

    (indices,) = encoding.indices(kind)
    said = encoding.remarks[kind][0] if encoding.remarks else None
    if bound is None or said is None:
        return pack(form, rate, sequence, indices, kind, said), True
    least = rate_within(said, bound.percent, rate)
    if least is None and bound.escape:
        assert encoding.escapable is not None, "who makes remarks has escapes"
        return pack_escape(form, sequence, encoding.escapable.bins[0], float(encoding.escapable.of_one_percent[0]),
                           bound.percent, said), False
    return pack(form, least or rate, sequence, indices, kind, said), least is not None


def decode(
    packets: Annotated[Path, typer.Argument(
        metavar="PACKETS", help="A packet file, as encode writes it, a Parquet file with a column packet, or a folder "
                                "of such files, as Spark writes it.")],
    windows: Annotated[Path, typer.Argument(
        metavar="WINDOWS", help="The .npz to write (x, rate, sequence, and what the node said), or .parquet (window, "
                                "rate, sequence, and the same).")],
    link: Annotated[Link | None, typer.Option(help=FRAMES + " They have to be in order.")] = None,
    first_sequence: Annotated[int, typer.Option(help="With --link: the least that the first number can be.")] = 0,
    artifacts: Artifacts = ARTIFACTS,
) -> None:
    """Rebuild the windows of a packet file. Rates may mix; a damaged packet is refused, never guessed."""
    from edgecodec.packets.decoder import PacketDecoder
    from edgecodec.packets.frame import unframe_all, windows_in
    from edgecodec.packets.packet_file import packets_in
    from edgecodec.packets.window_files import kind_of_windows, write_npz, write_parquet
    from edgecodec.progress import progress

    kind = kind_of_windows(windows)
    decoder = PacketDecoder.open(artifacts / "receiver", artifacts / "float16")
    names = decoder.codec.channel_names
    found = packets_in(packets)
    found = unframe_all(decoder.form, found, link, first_sequence) if link else found
    decoded = decoder.stream(progress(found, "Decoding"))
    try:
        if kind == "parquet":
            count = write_parquet(windows, decoded, names)
        else:
            total = sum(windows_in(each) if link else 1 for each in packets_in(packets))
            count = write_npz(windows, decoded, names, total, decoder.codec.samples)
    except EdgeCodecError as error:
        raise EdgeCodecError(f"{packets}: {str(error).removeprefix(f'{packets}: ')}") from None
    typer.echo(f"{windows}: {count} windows")


def _warn(remarks: Iterable[str]) -> None:
    for remark in remarks:
        typer.echo(f"warning: {remark}", err=True)
