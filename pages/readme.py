"""The figures of README.md and of the pages on firmware, decoding, development and sweeps."""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from edgecodec.simulators.benchmark import CORES, PAPER, ROOF_MACS_PER_CYCLE
from pages.markdown import percent, table
from pages.origin import Origin

WIDTH = 120  # of a line
SINGLE_CORES = {"rv32imc_zfinx_zhinx": "RISC-V without Xpulp", "cortex-m4": "Cortex-M4", "cortex-m7": "M7",
                "cortex-m33": "M33", "cortex-m55": "M55"}
COMPILERS = ("zig", "arm-none-eabi-gcc")
SIZED_CORES = {"rv32imc_zfinx_zhinx": "riscv32"}  # what sizes.json calls a core


def origin(content: Any) -> Iterator[str]:
    """Where all figures come from."""
    known = Origin.from_json(content)
    machine = known.machine or "a machine that nobody recorded"
    yield from wrap(f"They come from commit {known.commit[:7]}, made on {machine}; time and energy of the firmware are "
                    f"`{known.evidence}` ({known.simulator}).", WIDTH)


def results(rate_distortion: Any, firmware: Any, verification: Any) -> Iterator[str]:
    """Bits, errors, time and energy at every rate, beside the rivals."""
    codecs = rate_distortion["splits"]["validation"]
    rows = [("rate", "bits", "ratio, on air", "error", "at 10, 20 m/s", "KLT + DCT", "SZ3", "ZFP", "time", "energy")]
    for rate, ours in codecs["edgecodec"].items():
        sizes = firmware["by_rate"][rate]
        winds = (ours.get("by_group") or ours["by_wind"]).values()  # as older snapshots call them
        rivals = (codecs[name][rate] for name in ("klt_dct", "sz3_abs", "zfp"))
        rows.append((rate, f"{ours['bits_per_window']:.0f}",
                     f"{sizes['compression_ratio_payload']:.0f}, {sizes['compression_ratio_on_air']:.0f}",
                     f"**{ours['error_percent']:.2f} %**",
                     ", ".join(f"{of_wind['error_percent']:.2f}" for of_wind in winds) + " %",
                     *(f"{rival['error_percent']:.2f} % at {rival['bits_per_window']:.0f}" for rival in rivals),
                     f"{verification['total_milliseconds'][rate]:.2f} ms",
                     f"{verification['energy_millijoules'][rate]:.2f} mJ"))
    return table(*rows)


def footprint(float16: Any, verification: Any) -> Iterator[str]:
    """What the codec takes of a node."""
    yield from wrap(f"{float16['encoder_macs'] / 1e6:.2f} M MACs in the encoder and "
                    f"{float16['quantizer_macs'] / 1e6:.2f} M in the quantizer, "
                    f"{verification['l1_bytes'] / 1000:.1f} kB of L1, {float16['weight_bytes'] / 1e6:.2f} MB of "
                    f"weights, {float16['codebook_bytes'] / 1e6:.2f} MB of codebooks, "
                    f"{verification['code_bytes'] / 1000:.1f} kB of code.", WIDTH)


def cycle_estimate(estimate: Any) -> Iterator[str]:
    """How far estimates of cycles are off."""
    chains = [abs(miss["chain"]) for miss in estimate["misses"].values()]
    yield from wrap(f"Window to packet, estimates of {len(chains)} other shapes are off by "
                    f"{percent(sum(chains) / len(chains))} on average and {percent(max(chains))} at most.", WIDTH)


def benchmark(counted: Any) -> Iterator[str]:
    """The paper's Table III beside ours."""
    names = [name for name in ("paper", "transform", "edge") if name in counted["benchmarks"]]
    ours = [counted["benchmarks"][name] for name in names]

    def milliseconds(figure: str, cores: str, rate: str | None = None) -> Iterator[str]:
        for one in ours:
            took = one["cores"][cores][figure]
            yield f"{took if rate is None else took[rate]:.2f} ms"

    of_paper = PAPER.encoder_macs / (PAPER.encoder_milliseconds * 370e3)  # MACs per cycle
    chains = [(f"window to packet, 360 bits, {cores} core{'s' * (cores > 1)}",
               f"{PAPER.chain_milliseconds} ms" if cores == max(CORES) else "-",
               *milliseconds("chain_milliseconds", str(cores), "4")) for cores in CORES]
    return table(
        ("", "the paper's C on GAP9", *(f"codec `{name}`" for name in names)),
        ("MACs, encoder + quantizer", f"{PAPER.encoder_macs / 1e6:.2f} + 2.76 M",
         *(f"{one['encoder_macs'] / 1e6:.2f} + {one['quantizer_macs'] / 1e6:.2f} M" for one in ours)),
        ("encoder, 8 cores", f"{PAPER.encoder_milliseconds} ms", *milliseconds("encoder_milliseconds", "8")),
        ("encoder, MAC/cycle, share of the roof of 8",
         f"{of_paper:.2f}, {100 * of_paper / ROOF_MACS_PER_CYCLE:.0f} %",
         *(f"{one['encoder_macs_per_cycle']:.2f}, {100 * one['share_of_roof']:.0f} %" for one in ours)),
        ("quantizer, 360 bits, 8 cores", f"{4 * PAPER.stage_milliseconds:.1f} ms",
         *milliseconds("quantizer_milliseconds", "8", "4")),
        ("quantizer, 360 bits, 1 core", f"{PAPER.quantizer_one_core_milliseconds:.0f} ms",
         *milliseconds("quantizer_milliseconds", "1", "4")),
        *chains,
        ("L1 for activations and what is fetched", "-", *(f"{one['arena_bytes'] / 1000:.1f} kB" for one in ours)),
        ("energy, compute + air, 360 bits", "8 mJ + air",
         *(f"{one['energy_millijoules']['4']:.2f} mJ" for one in ours)))


def damage(classified: Any) -> Iterator[str]:
    """What compression costs a classifier of damage."""
    rows = [("share of windows told right", "as recorded", *(f"rate {rate}" for rate in "1234"))]
    for name, kind, trained in (("by the line near 1.9 Hz", "heave_line", "decoded"),
                                ("by the line, trained on rebuilt windows", "heave_line", "retrained"),
                                ("by the spectrum", "spectrum", "decoded"),
                                ("by the spectrum, trained on rebuilt windows", "spectrum", "retrained")):
        found = classified["accuracy"][kind]
        rows.append((name, percent(found["raw"]), *(percent(found["by_rate"][rate][trained]) for rate in "1234")))
    return table(*rows)


def decoding_times(timed: Any) -> Iterator[str]:
    """What it takes to decode one window."""
    took = _milliseconds(timed)
    yield (f"from packet to window {took[1, 1]:.2f} ms per window one by one and {took[1, 64]:.2f} ms in calls of 64, "
           "on one core.")


def decoding_speed(timed: Any) -> Iterator[str]:
    """How the speed of decoding grows with packets per call and with cores."""
    took, batches = _milliseconds(timed), (1, 4, 16, 64, 256, 1024)
    return table(("packets per call", *map(str, batches)),
                 ("one core: speed against one packet per call",
                  *(f"{took[1, 1] / took[1, batch]:.1f}" for batch in batches)),
                 ("two cores: speed against one core",
                  *(f"{took[1, batch] / took[2, batch]:.1f}" for batch in batches)))


def _milliseconds(timed: Any) -> dict[tuple[int, int], float]:
    """Time per window by number of cores and packets per call."""
    return {(one["cores"], one["batch"]): one["milliseconds_per_window"] for one in timed
            if one["engine"] == "onnxruntime"}


def single_cores(counted: Any, measured: Any) -> Iterator[str]:
    """What small single cores take, and what the smallest node on them does."""
    counts, sizes = by_compiler(counted["cores"]), by_compiler(measured["sizes"])
    rows: list[tuple[str, ...]] = [("core", "window at once, by zig", "by gcc", "sample by sample, by zig", "by gcc",
                                    "RAM", "and stack", "code by zig", "by gcc")]
    for core, name in SINGLE_CORES.items():
        of_core = [counts.get((core, compiler)) for compiler in COMPILERS]
        codes = [sizes.get((SIZED_CORES.get(core, core), compiler)) for compiler in COMPILERS]
        rows.append((name, *(millions(count["chains"][-1]) if count else "-" for count in of_core),
                     *(millions(count["pushed"]) if count else "-" for count in of_core),
                     kilobytes(max(size["ram"] for size in codes if size)),
                     kilobytes(max(count["stack_bytes"] for count in of_core if count)),
                     *(kilobytes(size["code"]) if size else "-" for size in codes)))
    yield from table(*rows)


def by_compiler(measured: Sequence[Any]) -> dict[tuple[str, str], Any]:
    """What was measured of each core and compiler, whatever its version."""
    return {(one["core"], one["compiler"].split()[0]): one for one in measured}


def millions(count: int) -> str:
    return f"{count / 1e6:.2f} M"


def kilobytes(size: int) -> str:
    return f"{size / 1000:.1f} kB"


def same_bits(cost: Any) -> Iterator[str]:
    """What it costs that results are the same everywhere."""
    yield f"A training takes {cost['median_ratio']:.2f} times as long for it (`python studies/same_bits_cost.py`)."


def sweep(points: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Bits and error of every point of the sweep, and how much of the least used codebook is in use."""
    rows: list[tuple[str, ...]] = [
        ("codewords", "stages per rate", "rate 1", "rate 2", "rate 3", "rate 4", "usage")]
    for point in points:
        errors = (f"{float(point[f'bits_per_window.rate{rate}']):.0f} bits, "
                  f"{float(point[f'error_percent.rate{rate}']):.2f} %" for rate in range(1, 5))
        rows.append((point["codecs.edge.codewords"], point["codecs.edge.stages_per_rate"], *errors,
                     f"{100 * float(point['least_codebook_usage']):.0f} %"))
    return table(*rows)
