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


def story(measured: Any) -> Iterator[str]:
    """What was seen, act by act."""
    plan, recovered = measured["plan"], measured["everyone_follows"]
    yield (f"{plan['nodes']} nodes send {measured['windows_a_day']} windows a day for {plan['end']} days, "
           f"{recovered['windows']:,} in all, and all came. It took {measured['minutes']:.0f} minutes, with "
           f"{measured['processor_minutes']:.0f} minutes of one core.")
    yield ""
    yield from table(("day", "what happens", "what was seen"), *_acts(measured, plan, recovered))


def _acts(measured: Any, plan: Any, recovered: Any) -> Iterator[tuple[str, str, str]]:
    masked, alarmed, asked = (measured[name] for name in ("sensors_die", "drift_is_found", "windows_come"))
    moved = f"{plan['in_new_wind']} nodes"
    yield (f"1 to {plan['changes']}", "Nothing.", f"The error of the fleet is "
           f"{measured['quiet_week']['error_percent']:.1f} %.")
    yield (f"{plan['changes'] + 1}", f"Two sensors of {masked['node']} die.", f"Its next window has the mask of "
           f"{' and '.join(masked['channels'])}, and so have {masked['windows'] - masked['without_mask']} of "
           f"{masked['windows']} that day.")
    yield ("", f"The wind of {moved} gets 1.2 times as fast.", f"Their error is {alarmed['error_percent']:.1f} %. "
           f"Alarms come after {alarmed['median_hours']:.0f} hours (median), {alarmed['longest_hours']:.0f} at most; "
           f"stated for 19 of 20 are {alarmed['stated_hours']:.0f}. {alarmed['false']} came so far where nothing "
           "changed.")
    yield (f"{plan['alarmed'] + 1} to {plan['retrained']}", "Nodes with an alarm are asked for windows.",
           f"{asked['answered']} windows of {asked['nodes']} nodes come, {asked['bytes_of_a_window'] / 1000:.0f} kB "
           "each.")
    errors = measured["codebooks_are_refitted"]["windows"]
    yield (f"{plan['retrained'] + 1}", "The codebooks are refitted.", " ".join(
        f"On {kind} windows the error is {each['candidate']['1']:.2f} %; it was {each['champion']['1']:.2f} %."
        for kind, each in errors.items()))
    promoted, judged = measured["candidate_is_promoted"], measured["canaries_go_first"]
    sizes = ", ".join(f"`{name.rpartition('/')[2]}` {size / 1000:.0f} kB"
                      for name, size in promoted["bytes_over_the_air"].items())
    yield "", "The candidate is promoted, and exported.", f"Over the air go {sizes}."
    yield ("", f"{judged['canaries']} canaries run it.", f"After {judged['hours']:.0f} hours: {judged['answer']}. "
           f"Their error has changed by {judged['worse_percent']:+.1f} % against the others'.")
    error = recovered["moved_percent"]
    yield (f"{plan['everywhere'] + 1} to {plan['end']}", "All run it.", f"The error of the {moved} is "
           f"{error['after']:.1f} %; before the change it was {error['before']:.1f} %. "
           f"{recovered['alarms_that_go_on']} of their alarms go on, of either signal. In the whole month "
           f"{recovered['false']} came where nothing changed.")
