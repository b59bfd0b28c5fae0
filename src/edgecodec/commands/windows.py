"""``edgecodec evaluate``, ``encode`` and ``decode``: windows to packets, and back."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from edgecodec.commands.options import ARTIFACTS, Artifacts, AsJson
from edgecodec.errors import EdgeCodecError

Windows = Annotated[Path, typer.Argument(
    metavar="WINDOWS", help="An .npz with windows x [n, channels, samples], or a recording (CSV, Parquet, npy) with "
                            "the codec's channels and `time`, which are found by name.")]


def evaluate(
    windows: Windows,
    as_json: AsJson = False,
    artifacts: Artifacts = ARTIFACTS,
) -> None:
    """Compare the codec with its rivals on your windows, per rate and wind speed."""
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
                        params.validate_)
    found = evaluation.evaluate(read.windows, read.wind, codecs, load_rivals(artifacts / "analysis"),
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
    coded: Annotated[bool, typer.Option("--coded", help="Packets of variable length, if the codec has them.")] = False,
    first_sequence: Annotated[int, typer.Option(help="Sequence number of the first packet.")] = 0,
    artifacts: Artifacts = ARTIFACTS,
) -> None:
    """Compress windows to packets, bit for bit as the firmware does."""
    import numpy as np

    from edgecodec.data.window_reader import Trained, read_windows
    from edgecodec.deploy import oracle
    from edgecodec.packets.kind import PacketKind
    from edgecodec.packets.monitor import rate_within
    from edgecodec.packets.network import load_codec
    from edgecodec.packets.packet import PacketFormat, pack
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
    form.payloads(kind).stages(chosen)  # refuses a rate or kind that the codec does not have, before any work
    write = writer_of(packets)
    read = read_windows(windows, Trained(codec, *codec.normalization), load_params().validate_)
    sealed, over = [], []
    for number, window in enumerate(progress(read.windows, "Encoding")):
        try:
            encoding = oracle.encode(codec, np.ascontiguousarray(window.T[None]))
        except EdgeCodecError:
            raise EdgeCodecError(f"{windows}: window {number}: its values exceed float16 in the encoder; "
                                 "check their unit") from None
        (indices,) = encoding.indices(kind)
        said = encoding.remarks[kind][0] if encoding.remarks else None
        least = None if said is None or within is None else rate_within(said, within, chosen)
        if within is not None and least is None:
            over.append(number)
        sealed.append(pack(form, least or chosen, (first_sequence + number) % 0x10000, indices, kind, said))
    write(packets, sealed)
    mean = sum(map(len, sealed)) / max(1, len(sealed))
    at = f"at rate {chosen}" if within is None else f"at rates up to {chosen}, for errors up to {within:g} %"
    size = f"{mean:.1f} bytes on average" if coded or within is not None else f"{mean:.0f} bytes"
    typer.echo(f"{packets}: {len(sealed)} packets of {size} {at}")
    _warn(read.remarks)
    if over:
        _warn([f"{len(over)} of {len(sealed)} windows are over the bound at every rate, and their packets say so: "
               f"{', '.join(map(str, over[:10]))}{' ...' if over[10:] else ''}"])


def decode(
    packets: Annotated[Path, typer.Argument(
        metavar="PACKETS", help="A packet file, as encode writes it, a Parquet file with a column packet, or a folder "
                                "of such files, as Spark writes it.")],
    windows: Annotated[Path, typer.Argument(
        metavar="WINDOWS", help="The .npz to write (x, rate, sequence, and what the node said), or .parquet (window, "
                                "rate, sequence, and the same).")],
    artifacts: Artifacts = ARTIFACTS,
) -> None:
    """Rebuild the windows of a packet file. Rates may mix; a damaged packet is refused, never guessed."""
    from edgecodec.packets.decoder import PacketDecoder
    from edgecodec.packets.packet_file import packets_in
    from edgecodec.packets.window_files import kind_of_windows, write_npz, write_parquet
    from edgecodec.progress import progress

    kind = kind_of_windows(windows)
    decoder = PacketDecoder.open(artifacts / "receiver", artifacts / "float16")
    names = decoder.codec.channel_names
    decoded = decoder.stream(progress(packets_in(packets), "Decoding"))
    try:
        if kind == "parquet":
            count = write_parquet(windows, decoded, names)
        else:
            total = sum(1 for _ in packets_in(packets))
            count = write_npz(windows, decoded, names, total, decoder.codec.samples)
    except EdgeCodecError as error:
        raise EdgeCodecError(f"{packets}: {str(error).removeprefix(f'{packets}: ')}") from None
    typer.echo(f"{windows}: {count} windows")


def _warn(remarks: Iterable[str]) -> None:
    for remark in remarks:
        typer.echo(f"warning: {remark}", err=True)
