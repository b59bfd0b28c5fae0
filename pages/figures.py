"""Every figure of the pages by its name: the results that it is made from, and the function that makes it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from edgecodec.errors import EdgeCodecError
from pages import codec, fleet, frames, gallery, node, origin, readme


@dataclass(frozen=True)
class Figure:
    """Lines of a page that are made from results."""

    sources: tuple[str, ...]  # files of the snapshot
    lines: Callable[..., Iterator[str]]  # of the content of each source

    def made_from(self, snapshot: Path) -> str:
        """Its text, by the results in the folder ``snapshot``.

        Raises:
            EdgeCodecError: a source is absent or damaged, or lacks what the figure shows.
        """
        contents = [read(snapshot / source) for source in self.sources]
        try:
            return "".join(f"{line}\n" for line in self.lines(*contents))
        except KeyError as error:
            raise EdgeCodecError(f"{', '.join(self.sources)}: {error} is missing; run the stages that write them (make "
                                 "repro studies), then make snapshot") from None


BY_NEED = ("rates_by_need.json", "recorded_windows.json")
FIGURES = {
    "origin": Figure((origin.FILE,), readme.origin),
    "results": Figure(("rate_distortion.json", "firmware.json", "verification.json"), readme.results),
    "footprint": Figure(("float16.json", "verification.json"), readme.footprint),
    "cycle_estimate": Figure(("cycle_estimate.json",), readme.cycle_estimate),
    "benchmark": Figure(("benchmark.json",), readme.benchmark),
    "damage": Figure(("damage.json",), readme.damage),
    "decoding_times": Figure(("decoding.json",), readme.decoding_times),
    "decoding_speed": Figure(("decoding.json",), readme.decoding_speed),
    "single_cores": Figure(("instructions.json", "sizes.json"), readme.single_cores),
    "before_and_after": Figure(("node_before.json", *(f"{name}.json" for name in node.COMPARED)),
                               node.before_and_after),
    "same_bits": Figure(("same_bits.json",), readme.same_bits),
    "rivals": Figure(("rate_distortion.json",), codec.rivals),
    "estimates": Figure(("remarks.json", "calibration.json"), codec.estimates),
    "cost_of_remarks": Figure(("benchmark.json",), codec.cost_of_remarks),
    "disturbances": Figure(("remarks.json",), codec.disturbances),
    "generalization": Figure(("generalization.json",), codec.generalization),
    "estimates_elsewhere": Figure(BY_NEED, codec.estimates_elsewhere),
    "rates_by_need": Figure(BY_NEED, codec.rates_by_need),
    "kept_bounds": Figure(BY_NEED, codec.kept_bounds),
    "chance": Figure(("seeds.json",), codec.chance),
    "paper": Figure(("paper_comparison.json", "benchmark.json"), codec.paper),
    "parts": Figure(("limits.json",), codec.parts),
    "groups": Figure(("limits.json",), codec.groups),
    "spending": Figure(("limits.json",), codec.spending),
    "verdict": Figure(("limits.json",), codec.verdict),
    "sizes": Figure(("exploration.json",), codec.sizes),
    "budgets": Figure(("exploration.json",), codec.budgets),
    "rule": Figure(("exploration.json",), codec.rule),
    "drift_false_alarms": Figure(("drift.json",), fleet.false_alarms),
    "drift_delays": Figure(("drift.json",), fleet.delays),
    "gateway_load": Figure(("gateway_load.json",), fleet.load),
    "story": Figure(("story.json",), fleet.story),
    "frames": Figure(("frames.json",), frames.on_air),
    "series": Figure(("frames.json",), frames.series),
    "damaged_frames": Figure(("frames.json",), frames.damage),
    "gallery": Figure(("gallery.json",), gallery.summary),
    **{f"gallery_{name}": Figure(("gallery.json",), partial(gallery.of_set, name)) for name in gallery.NAMES},
    "sweep": Figure(("sweep.csv",), readme.sweep),
}


def read(path: Path) -> Any:
    """What a file of the snapshot holds: JSON, or the rows of a CSV file.

    Raises:
        EdgeCodecError: the file is absent or damaged.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return list(csv.DictReader(text.splitlines())) if path.suffix == ".csv" else json.loads(text)
    except (FileNotFoundError, ValueError) as error:
        found = "not found" if isinstance(error, FileNotFoundError) else f"not valid ({error})"
        raise EdgeCodecError(f"{path}: {found}; restore it with git, or take a snapshot anew (make snapshot)") from None
