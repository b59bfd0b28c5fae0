"""The figures of docs/fleet.md."""

from collections.abc import Iterator
from typing import Any

from pages.markdown import table


def false_alarms(measured: Any) -> Iterator[str]:
    """Per node and year, by how long conditions last."""
    found = measured["false_alarms"]
    yield (f"Asked for: {found['asked']:g} per node and year. Found in {found['node_years']} years, drawn from "
           f"{measured['recordings']} recordings ({measured['windows']:,} windows) of {measured['twins']} twins:")
    yield ""
    yield from table(("conditions last", "by the error", "by unlike windows", "together"), *(
        (f"{int(periods) * measured['period_minutes']:g} minutes", f"{by['error']:.2f}", f"{by['unlike']:.2f}",
         f"{by['error'] + by['unlike']:.2f}")
        for periods, by in found["by_periods_that_conditions_last"].items()))


def delays(measured: Any) -> Iterator[str]:
    """From the beginning of a drift to its alarm."""
    return table(("drift", "deviations of the error", "found", "hours to the alarm, median", "19 of 20 within"), *(
        (drift["description"], f"{drift['deviations']:.2f}", f"{100 * drift['found']:.0f} %",
         *("-" if drift[name] is None else f"{drift[name]:.1f}" for name in ("median_hours", "p95_hours")))
        for drift in measured["drifts"].values()))


def load(measured: Any) -> Iterator[str]:
    """Rate and size of a gateway, and what kills cost."""
    found, kills = measured["load"], measured["kills"]
    sizes = list(found["resident_megabytes"].values())
    return table(
        ("measured", ""),
        ("packets", f"{found['packets']:,}, from {measured['nodes']} nodes"),
        ("from the first publication to the last file", f"{found['seconds']:.0f} s, {found['packets_per_second']:,.0f} "
                                                        "packets a second"),
        ("memory of the gateway, at a tenth of them and at the end", f"{sizes[0]:.0f} and {sizes[-1]:.0f} MB"),
        (f"of {kills['packets']:,} packets with {kills['kills']} `kill -9` of the gateway among them",
         f"{kills['lost']} lost, {kills['twice']} twice"))
