"""``edgecodec benchmark``: how fast things are, here and now."""

from __future__ import annotations

from typing import Annotated

import typer

from edgecodec.commands.options import ARTIFACTS, Artifacts, JsonFile

app = typer.Typer(no_args_is_help=True)


@app.callback()
def benchmark() -> None:
    """Measure speed.

    C is compiled by zig, unless `verify.compiler` in params.yaml, or EDGECODEC_COMPILER, which overrides it, names
    another compiler.
    """


@app.command()
def decode(
    cores: Annotated[list[int] | None, typer.Option(min=1, help="Cores to use; may be given again. 1 and 2.")] = None,
    seconds: Annotated[float, typer.Option(min=0.01, help="How long each figure is measured.")] = 1.0,
    output: JsonFile = None,
    artifacts: Artifacts = ARTIFACTS,
) -> None:
    """Decode packets in batches of 1 to 1024, by ONNX Runtime (as registered models do) and by torch."""
    from dataclasses import asdict

    from edgecodec.console import standard_output, table
    from edgecodec.progress import progress
    from edgecodec.registry.decoding_speed import measure
    from edgecodec.storage import rounded, write_json

    figures = list(progress(measure(artifacts, cores or [1, 2], seconds=seconds), "Measuring"))
    standard_output().print(table(
        "Decoding, from packets to windows", ("engine", "cores", "batch", "ms per window", "windows/s"),
        [(figure.engine, str(figure.cores), str(figure.batch), f"{figure.milliseconds_per_window:.3f}",
          f"{figure.windows_per_second:,.0f}") for figure in figures]))
    if output is not None:
        write_json(output, [{name: rounded(value, 4) if isinstance(value, float) else value
                             for name, value in asdict(figure).items()} for figure in figures])


@app.command()
def instructions(output: JsonFile = None, artifacts: Artifacts = ARTIFACTS) -> None:
    """Count instructions on QEMU's single cores, RISC-V without Xpulp and Arm Cortex-M, by zig, and by gcc if here."""
    from dataclasses import asdict

    from edgecodec.console import standard_output, table
    from edgecodec.packets.network import load_codec
    from edgecodec.params import load_params
    from edgecodec.simulators.instruction_counts import count_instructions
    from edgecodec.simulators.sizes import COMPILERS
    from edgecodec.simulators.toolchain import Toolchain
    from edgecodec.simulators.verifier import golden_windows
    from edgecodec.storage import write_json

    codec, firmware = load_codec(artifacts / "float16"), artifacts / "firmware"
    counts = count_instructions(codec, firmware, golden_windows(firmware, codec)[0],
                                [Toolchain(name) for name in COMPILERS], load_params().verify.time_limit_seconds)
    rates = (f"rate {rate}" for rate in range(1, len(counts[0].chains) + 1))
    standard_output().print(table(
        "Thousands of instructions: encoder, window to packet by rate, and sample by sample; memory in bytes",
        ("core", "compiler", "encoder", *rates, "pushed", "code", "stack"),
        [(count.core, count.compiler,
          *(f"{number / 1e3:,.0f}" for number in (count.encoder, *count.chains, count.pushed)),
          f"{count.code_bytes:,}", f"{count.stack_bytes:,}") for count in counts]))
    if output is not None:
        write_json(output, {"model_hash": codec.model_hash, "cores": [asdict(count) for count in counts]})


@app.command()
def sizes(output: JsonFile = None, artifacts: Artifacts = ARTIFACTS) -> None:
    """Measure code, flash and RAM of the smallest node on each of these cores, by zig, and by gcc if it is here."""
    from dataclasses import asdict

    from edgecodec.console import standard_output, table
    from edgecodec.simulators.firmware import Firmware
    from edgecodec.simulators.sizes import COMPILERS, measure_sizes
    from edgecodec.simulators.toolchain import Toolchain
    from edgecodec.storage import write_json

    folder = artifacts / "firmware"
    found = measure_sizes(folder, [Toolchain(name) for name in COMPILERS])
    standard_output().print(table(
        "The smallest node, in bytes; RAM without the stack", ("core", "compiler", "code", "flash", "RAM"),
        [(size.core, size.compiler, f"{size.code:,}", f"{size.flash:,}", f"{size.ram:,}") for size in found]))
    if output is not None:
        write_json(output, {"model_hash": Firmware.open(folder).model_hash, "sizes": [asdict(size) for size in found]})


@app.command()
def frames(output: JsonFile = None, artifacts: Artifacts = ARTIFACTS) -> None:
    """Sizes of packets and frames, their times on a LoRa radio, and how many of 10^6 damaged frames pass."""
    from edgecodec.console import standard_output, table
    from edgecodec.deploy.series_lengths import series_json
    from edgecodec.evaluation.damaged_frames import frames_json
    from edgecodec.packets.network import load_codec
    from edgecodec.packets.packet import PacketFormat
    from edgecodec.params import load_params
    from edgecodec.storage import write_json

    codec, params = load_codec(artifacts / "float16"), load_params()
    found = frames_json(PacketFormat.of(codec), 32 * codec.channels * codec.samples,
                        codec.samples / codec.sample_rate_hz, 1_000_000, params.seed)
    found["series"] = series_json(codec, params)
    console = standard_output()
    console.print(table("Bytes on air, and milliseconds at spreading factor 7", ("rate", "what", "bytes", "ms"), [
        (rate, name, str(one["bytes"]), f"{one['lora_milliseconds']['7']:.1f}")
        for rate, sizes in found["rates"].items() for name, one in sizes.items()]))
    console.print(table("Mean bytes of frames with several windows", ("rate", "windows", "bytes", "of a window"), [
        (rate, count, f"{one['bytes']:.1f}", f"{one['bytes_of_window']:.1f}")
        for rate, lengths in found["series"].items() for count, one in lengths.items()]))
    console.print(table("Frames that pass, of a million", ("damage", "passed"), [
        (damage, str(count)) for damage, count in found["damaged"]["passed"].items()]))
    if output is not None:
        write_json(output, {"model_hash": codec.model_hash, **found})


@app.command()
def firmware(output: JsonFile = None, artifacts: Artifacts = ARTIFACTS) -> None:
    """Count cycles on GVSOC and print them beside the paper's Table III; an estimate, marked so, without GVSOC."""
    from edgecodec.console import standard_output, table
    from edgecodec.simulators.benchmark import table_rows
    from edgecodec.simulators.benchmark_codecs import benchmark_codecs
    from edgecodec.storage import write_json

    found = benchmark_codecs(artifacts)
    heading, *rows = table_rows(found)
    console = standard_output()
    console.print(table("One window on the target at 370 MHz; simulator figures, not silicon", heading, rows))
    for remark in sorted({one.remark for one in found.values() if one.remark}):
        console.print(f"Estimates, for GVSOC is not found: {remark}.")
    if output is not None:
        write_json(output, {"benchmarks": {name: one.to_json() for name, one in found.items()}})


@app.command()
def estimates(artifacts: Artifacts = ARTIFACTS) -> None:
    """Count a few codecs on GVSOC, to estimate the cycles of others where there is none: prices, and how far off."""
    from dataclasses import astuple

    from edgecodec.console import standard_output, table
    from edgecodec.simulators.benchmark_codecs import count_estimates
    from edgecodec.simulators.estimate import CYCLE_TABLE

    found = count_estimates(artifacts)
    found.write(artifacts / CYCLE_TABLE)
    prices = table(None, ("cycles", "per step", "per MAC", "per value", "per byte"),
                   [(kind, *(f"{cycles:g}" for cycles in astuple(price))) for kind, price in found.prices.items()])
    misses = table("Estimates against what was counted", ("codec", "encoder", "quantizer", "window to packet"),
                   [(name, *(f"{share:+.1%}" for share in astuple(miss))) for name, miss in found.misses.items()])
    standard_output().print(prices, misses, f"An estimate is {found.remark}.")


@app.command()
def trainings(artifacts: Artifacts = ARTIFACTS) -> None:
    """Count other trainings of the codec on GVSOC, and keep beside its cycles how far they lie apart."""
    from edgecodec.console import standard_output
    from edgecodec.simulators.trainings import count_trainings

    standard_output().print(f"{count_trainings(artifacts).remark}.")
