"""Every figure in the README stands in a committed metrics file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgecodec.storage import read_json


def metrics(repository: Path, name: str) -> Any:
    return read_json(repository / "artifacts" / "metrics" / f"{name}.json")


def results_table(repository: Path) -> list[str]:
    """The README's results, as they must read."""
    codecs = metrics(repository, "rate_distortion")["splits"]["validation"]
    firmware, verification = metrics(repository, "firmware"), metrics(repository, "verification")
    rows = ["| rate | bits | ratio, on air | error | at 10, 20 m/s | KLT + DCT | SZ3 | ZFP | time | energy |",
            "|---|---|---|---|---|---|---|---|---|---|"]
    for rate in "1234":
        ours, sizes = codecs["edgecodec"][rate], firmware["by_rate"][rate]
        time, energy = verification["total_milliseconds"][rate], verification["energy_millijoules"][rate]
        winds = ours["by_wind"]
        rivals = [codecs[name][rate] for name in ("klt_dct", "sz3_abs", "zfp")]
        shown = [f"{rival['error_percent']:.2f} % at {rival['bits_per_window']:.0f}" for rival in rivals]
        rows.append(
            f"| {rate} | {ours['bits_per_window']:.0f} "
            f"| {sizes['compression_ratio_payload']:.0f}, {sizes['compression_ratio_on_air']:.0f} "
            f"| **{ours['error_percent']:.2f} %** "
            f"| {winds['10']['error_percent']:.2f}, {winds['20']['error_percent']:.2f} % "
            f"| {' | '.join(shown)} "
            f"| {time:.2f} ms | {energy:.2f} mJ |")
    return rows


def firmware_table(repository: Path) -> list[str]:
    """The paper's Table III beside ours, as it must read."""
    edge, paper = (metrics(repository, "benchmark")["benchmarks"][name] for name in ("edge", "paper"))

    def milliseconds(figure: str, cores: str, rate: str | None = None) -> str:
        found = (one["cores"][cores][figure] for one in (paper, edge))
        return " | ".join(f"{value if rate is None else value[rate]:.2f} ms" for value in found)

    chains = [f"| window to packet, 360 bits, {cores} | {theirs} "
              f"| {milliseconds('chain_milliseconds', cores.split()[0], '4')} |"
              for cores, theirs in (("8 cores", "52.6 ms"), ("4 cores", "-"), ("2 cores", "-"), ("1 core", "-"))]
    return [
        "| | the paper's C on GAP9 | codec `paper` | codec `edge` |",
        "|---|---|---|---|",
        "| MACs, encoder + quantizer | 20.00 + 2.76 M | "
        + " | ".join(f"{one['encoder_macs'] / 1e6:.2f} + {one['quantizer_macs'] / 1e6:.2f} M" for one in (paper, edge))
        + " |",
        f"| encoder, 8 cores | 45.3 ms | {milliseconds('encoder_milliseconds', '8')} |",
        "| encoder, MAC/cycle, share of the roof of 8 | 1.19, 15 % | "
        + " | ".join(f"{one['encoder_macs_per_cycle']:.2f}, {one['share_of_roof']:.0%}".replace("%", " %")
                     for one in (paper, edge)) + " |",
        f"| quantizer, 360 bits, 8 cores | 29.4 ms | {milliseconds('quantizer_milliseconds', '8', '4')} |",
        f"| quantizer, 360 bits, 1 core | 250 ms | {milliseconds('quantizer_milliseconds', '1', '4')} |",
        *chains,
        "| L1 for activations and what is fetched | - | "
        + " | ".join(f"{one['arena_bytes'] / 1000:.1f} kB" for one in (paper, edge)) + " |",
        "| energy, compute + air, 360 bits | 8 mJ + air | "
        + " | ".join(f"{one['energy_millijoules']['4']:.2f} mJ" for one in (paper, edge)) + " |",
    ]


def damage_table(repository: Path) -> list[str]:
    """What compression costs a classifier of damage, as it must read."""
    accuracy = metrics(repository, "damage")["accuracy"]
    rows = ["| share of windows told right | as recorded | rate 1 | rate 2 | rate 3 | rate 4 |",
            "|---|---|---|---|---|---|"]
    for name, kind, trained in (("by the line near 1.9 Hz", "heave_line", "decoded"),
                                ("by the line, trained on rebuilt windows", "heave_line", "retrained"),
                                ("by the spectrum", "spectrum", "decoded"),
                                ("by the spectrum, trained on rebuilt windows", "spectrum", "retrained")):
        found = accuracy[kind]
        shares = [found["raw"], *(found["by_rate"][rate][trained] for rate in "1234")]
        rows.append(f"| {name} | {' | '.join(f'{100 * share:.1f} %' for share in shares)} |")
    return rows


def decoding_table(repository: Path) -> list[str]:
    """How the speed of decoding grows with packets per call and with cores, as it must read."""
    took = {(one["cores"], one["batch"]): one["milliseconds_per_window"]
            for one in metrics(repository, "decoding") if one["engine"] == "onnxruntime"}
    batches = (1, 4, 16, 64, 256, 1024)
    return [
        f"| packets per call | {' | '.join(map(str, batches))} |",
        "|---" * (len(batches) + 1) + "|",
        "| one core: speed against one packet per call | "
        + " | ".join(f"{took[1, 1] / took[1, batch]:.1f}" for batch in batches) + " |",
        "| two cores: speed against one core | "
        + " | ".join(f"{took[1, batch] / took[2, batch]:.1f}" for batch in batches) + " |",
    ]


def decoding_sentence(repository: Path) -> str:
    took = {one["batch"]: one["milliseconds_per_window"] for one in metrics(repository, "decoding")
            if (one["engine"], one["cores"]) == ("onnxruntime", 1)}
    return f"{took[1]:.2f} ms per window one by one and {took[64]:.2f} ms in calls of 64"


def instructions_sentence(repository: Path) -> str:
    """What small single cores take, as it must read."""
    names = {"rv32imc_zfinx_zhinx": "RISC-V without Xpulp", "cortex-m4": "Cortex-M4", "cortex-m7": "M7",
             "cortex-m33": "M33", "cortex-m55": "M55"}
    cores = {count["core"]: count["chains"][-1] / 1e6 for count in metrics(repository, "instructions")["cores"]}
    return ", ".join(f"{name} {cores[core]:.2f} M" for core, name in names.items()) + " instructions."


def size_sentence(repository: Path) -> str:
    exported, verification = metrics(repository, "float16"), metrics(repository, "verification")
    macs = f"{exported['encoder_macs'] / 1e6:.2f} M MACs in the encoder and {exported['quantizer_macs'] / 1e6:.2f} M"
    weights, codebooks = exported["weight_bytes"] / 1e6, exported["codebook_bytes"] / 1e6
    l1, code = verification["l1_bytes"] / 1000, verification["code_bytes"] / 1000
    return (f"{macs} in the quantizer, {l1:.1f} kB of L1, {weights:.2f} MB of weights, "
            f"{codebooks:.2f} MB of codebooks, {code:.1f} kB of code")


def test_the_instructions_are_those_of_the_metrics(repository: Path) -> None:
    assert instructions_sentence(repository) in (repository / "README.md").read_text()


@pytest.mark.parametrize("row", range(6))
def test_the_results_table_is_that_of_the_metrics(repository: Path, row: int) -> None:
    assert results_table(repository)[row] in (repository / "README.md").read_text().splitlines()


def test_the_firmware_table_is_that_of_the_metrics(repository: Path) -> None:
    assert "\n".join(firmware_table(repository)) in (repository / "README.md").read_text()
    benchmarks = metrics(repository, "benchmark")["benchmarks"]
    assert {one["evidence"] for one in benchmarks.values()} == {"measured"}


@pytest.mark.parametrize("table", [damage_table, decoding_table])
def test_tables_of_use_are_those_of_the_metrics(repository: Path, table: Callable[[Path], list[str]]) -> None:
    assert "\n".join(table(repository)) in (repository / "README.md").read_text()


def test_the_time_to_decode_is_that_of_the_metrics(repository: Path) -> None:
    assert decoding_sentence(repository) in " ".join((repository / "README.md").read_text().split())


def test_sizes_are_those_of_the_metrics(repository: Path) -> None:
    text = " ".join((repository / "README.md").read_text().split())
    assert size_sentence(repository) in text


def test_the_evidence_is_named(repository: Path) -> None:
    verification = metrics(repository, "verification")
    assert verification["evidence"] in ("measured", "recorded")
    assert f"`{verification['target']}`" in (repository / "README.md").read_text()
