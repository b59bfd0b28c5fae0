"""What a node took on 27 November 2026 and takes now: a table of docs/firmware.md."""

from collections.abc import Iterator, Mapping
from typing import Any

from pages.frames import SENT
from pages.markdown import table
from pages.readme import COMPILERS, SINGLE_CORES, by_compiler, kilobytes, millions

COMPARED = ("verification", "instructions", "sizes", "frames")
Results = Mapping[str, Any]  # content of metrics files, by name


def before_and_after(past: Results, *present: Any) -> Iterator[str]:
    """Cycles, energy, instructions, memory and bytes on air.

    Args:
        past: the content of each of :data:`COMPARED`.
        present: the same now.
    """
    now = dict(_figures(dict(zip(COMPARED, present, strict=True))))
    yield from table(("", "27 November 2026", "now"), *((what, then, now[what]) for what, then in _figures(past)))


def _figures(results: Results) -> Iterator[tuple[str, str]]:
    verification = results["verification"]
    for kind, milliseconds in (
            ("fixed-length", verification["total_milliseconds"]),
            ("coded", {rate: one["total_milliseconds"] for rate, one in verification["coded"].items()})):
        yield (f"{kind} packets, 8 cores, rates 1 to 4, thousands of cycles",
               ", ".join(f"{took * verification['clock_mhz']:.0f}" for took in milliseconds.values()))
    yield "packing of a coded packet at rate 4, cycles", f"{verification['coded']['4']['packing_cycles']:,}"
    yield "energy at rate 1, compute and air", f"{verification['energy_millijoules']['1']:.3f} mJ"
    counts = by_compiler(results["instructions"]["cores"])
    for core, name in SINGLE_CORES.items():
        of_core = [counts.get((core, compiler)) for compiler in COMPILERS]
        yield (f"instructions of a window on {name}, by zig, gcc",
               ", ".join(millions(count["chains"][-1]) if count else "-" for count in of_core))
    smallest = by_compiler(results["sizes"]["sizes"])["cortex-m4", COMPILERS[-1]]
    yield ("smallest node on Cortex-M4, by gcc: RAM, flash, of it code",
           ", ".join(kilobytes(smallest[memory]) for memory in ("ram", "flash", "code")))
    sent = results["frames"]["rates"]["1"]
    yield ("bytes on air of a window at rate 1",
           ", ".join(f"{sent[kind]['bytes']} ({name})" for kind, name in SENT.items() if kind in sent))
    series = results["frames"].get("series")
    yield ("of six windows, coded", f"{series['1']['6']['bytes']:.0f}" if series else str(6 * sent["packet"]["bytes"]))
