"""The figures of docs/gallery.md."""

from collections.abc import Iterator
from typing import Any

from edgecodec.metrics import ERROR_METRICS
from pages.markdown import table

NAMES = ("watch", "bearings", "circuit", "fibre")
RIVALS = {"klt_dct": "KLT + DCT at its best", "joint_rvq": "joint RVQ", "sz3_abs": "SZ3", "sz3_rel": "SZ3, by channel",
          "sz3_abs_rel": "SZ3, both bounds", "zfp": "ZFP", "means": "means alone", "klt_dct_plain": "plain KLT + DCT"}
PACKETS = {"edgecodec": "fixed length", "edgecodec_coded": "coded"}


def summary(gallery: Any) -> Iterator[str]:
    """One row per set: what was chosen, how it compares, and its firmware."""
    rows = [("set", "channels, rate", "codec chosen", "error, coded", "beside the best rival, coded", "fixed length",
             "firmware", "bit-exact")]
    for name in NAMES:
        found, fixed, coded = gallery[name], *(_points(gallery[name], packets) for packets in PACKETS)
        shown = ERROR_METRICS[found["metric"]].shown
        times = found["firmware"]["milliseconds"]
        rows.append((
            name, f"{found['channels']}, {found['sample_rate_hz']:g} Hz", found["design"]["codec"],
            " / ".join(f"{shown(point['error'])} at {point['bits']:.0f}" for point in (coded[0], coded[-1])),
            _ratios(coded), _ratios(fixed),
            f"{min(times.values()):.2f} to {max(times.values()):.2f} ms, "
            f"{found['firmware']['l1_bytes'] / 1000:.0f} kB of L1",
            "yes" if found["firmware"]["bit_exact"] else "no"))
    return table(*rows)


def of_set(name: str, gallery: Any) -> Iterator[str]:
    """Everything that was measured of one set."""
    found = gallery[name]
    metric, firmware = ERROR_METRICS[found["metric"]], found["firmware"]
    windows = found["windows"]
    yield (f"{found['recordings']} recordings of {found['channels']} channels at {found['sample_rate_hz']:g} Hz. "
           f"{windows['train']} windows of {found['window_samples']} samples train, {windows['validation']} validate, "
           f"low-passed to {found['lowpass_hz']:g} Hz."
           + (f" From the folder to the model: {found['minutes']:.0f} minutes." if found["minutes"] else "")
           + f" Made with commit {found['commit'][:7]}.")
    yield ""
    yield f"The stage `design` took {found['design']['proposal'].replace('codec edge', 'codec `edge`')}."
    yield ""
    yield from table(("setting", "chosen", "why"), *((f"`{reason['setting']}`", str(reason["value"]), reason["why"])
                                                     for reason in found["design"]["reasons"]))
    yield ""
    rivals = [name for name in RIVALS if any(name in point["rivals"] for point in found["points"])]
    rows = [("packets", "bits, mean", metric.label, *(RIVALS[name] for name in rivals), "beside the best rival")]
    rows += [(PACKETS[point["packets"]], f"{point['bits']:.0f}", f"**{metric.shown(point['error'])}**",
              *(metric.shown(point["rivals"][name]) if name in point["rivals"] else "-" for name in rivals),
              "-" if point["ratio"] is None else f"{point['ratio']:.2f}") for point in found["points"]]
    yield from table(*rows)
    yield ""
    times = ", ".join(f"{each:.2f}" for each in firmware["milliseconds"].values())
    yield (f"Firmware: {firmware['macs'] / 1e6:.2f} M MACs, {firmware['l1_bytes'] / 1000:.0f} kB of L1, "
           f"{firmware['weight_bytes'] / 1000:.0f} kB of weights, {firmware['codebook_bytes'] / 1000:.0f} kB of "
           f"codebooks, {firmware['code_bytes'] / 1000:.0f} kB of code; {times} ms from the lowest rate to the highest "
           f"({firmware['evidence']}, {firmware['simulator']}); "
           f"{'bit-exact' if firmware['bit_exact'] else '**not bit-exact**'}. "
           + (f"Not registered: {'; '.join(found['failed_gates'])}." if found["failed_gates"] else
              "It passed the gates and was registered."))


def _ratios(points: list[Any]) -> str:
    return " / ".join("-" if point["ratio"] is None else f"{point['ratio']:.2f}" for point in points)


def _points(found: Any, packets: str) -> list[Any]:
    return [point for point in found["points"] if point["packets"] == packets]

