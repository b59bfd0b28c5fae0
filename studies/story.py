"""One story of a fleet, from its first packet to its update: ``python -m studies.story``

Fifty nodes send for a month over a real broker to a real gateway; the time is compressed. In week two the wind of ten
gets faster than any that the codec was trained on, and two sensors of another node die. Masks, alarms, requests for
windows, retraining, promotion and rollout follow, as docs/fleet.md describes them. Every act returns what was seen, and
ends the story with one line where it is not what should have happened.

It runs in a copy of the committed project in .cache/story, which has the project's registry, and DVC's cache in common
with it. Figures go to artifacts/metrics/story.json.
"""

from edgecodec.same_bits import run_program  # first: before numpy and torch

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.dataset

from edgecodec.artifacts import METRICS
from edgecodec.errors import EdgeCodecError
from edgecodec.fleet.drift import FLEET, Alarm, Watched, typical_error, watch
from edgecodec.fleet.received import FieldWindows, read_folder
from edgecodec.fleet.references import load_references
from edgecodec.fleet.retraining import Retraining, retrain
from edgecodec.fleet.rollout import judge
from edgecodec.fleet.versions import running
from edgecodec.gateway.decoders import RegisteredDecoders
from edgecodec.gateway.field import write_recordings
from edgecodec.gateway.nodes import AskParams, NodeTable
from edgecodec.gateway.tables import windows_of
from edgecodec.params import Params, load_params
from edgecodec.registry.examination import open_sealed
from edgecodec.registry.export import export_version
from edgecodec.registry.manifest import MANIFEST
from edgecodec.registry.registered import fetch_model, find_version
from edgecodec.registry.releases import Releases, Request
from edgecodec.registry.versions import CANDIDATE, CHAMPION
from edgecodec.settings import write_settings
from edgecodec.storage import read_json, rounded, write_json
from studies.simulated_fleet import CANARIES, DEAD, Model, Node, Scene, SimulatedFleet, names, scenes_of, table_of

BEGIN = datetime(2025, 1, 6, tzinfo=UTC)
PROJECT = Path(".cache/story")
RESULTS = METRICS / "story.json"
RECEIVED, FIELD, OVER_THE_AIR = Path(".cache/received"), Path(".cache/field"), Path(".cache/ota")
QUICKER = {"analyze.rivals": ["means"], "verify.simulator": "host"}  # the other rivals take minutes
WHO = "the story"


@dataclass(frozen=True)
class Plan:
    """How many nodes, and on which day what happens."""

    nodes: int = 50
    in_new_wind: int = 10
    canaries: int = 10
    windows_a_day: int = 2  # that a node with an alarm is asked for
    seconds: int = 45  # of a recording of the twin that nodes measure
    changes: int = 7
    alarmed: int = 8
    retrained: int = 11
    everywhere: int = 21  # the new version
    end: int = 30
    margin_percent: float = 5.0  # by less than this errors may grow: of the candidate on old windows, of the canaries


@dataclass(frozen=True)
class Story:
    """What all acts go by."""

    plan: Plan
    params: Params
    fleet: SimulatedFleet
    after: Scene  # what nodes measure from the rollout on: the retraining has seen none of it
    stated_hours: float  # from the change to the alarm, of 19 of 20 nodes

    @property
    def moved(self) -> list[Node]:
        return list(self.fleet.nodes[: self.plan.in_new_wind])

    @property
    def broken(self) -> Node:
        return self.fleet.nodes[self.plan.in_new_wind]

    @property
    def change(self) -> datetime:
        return self.day(self.plan.changes)

    def day(self, number: int) -> datetime:
        return BEGIN + timedelta(days=number)

    def windows(self) -> FieldWindows:
        return read_folder(self.fleet.folder)

    def watched(self) -> Watched:
        windows = self.windows().windows
        references = load_references(self.params.registry.model_name, windows["version"].unique())
        return watch(windows, references, self.params.fleet)

    def false(self, alarms: Iterable[Alarm]) -> int:
        """How many are of nodes where nothing changed, or of the time before."""
        changed = {FLEET, self.broken.name, *names(self.moved)}
        return sum(alarm.found <= self.change or alarm.node not in changed for alarm in alarms)

    def releases(self) -> Releases:
        return Releases.open(self.params, Path())


@dataclass(frozen=True)
class Quiet:
    days: int
    windows: int
    error_percent: float


@dataclass(frozen=True)
class Masked:
    node: str
    channels: list[str]
    windows: int  # since the sensors died
    without_mask: int  # among them; the first one has it


@dataclass(frozen=True)
class Alarmed:
    nodes: int  # in the new wind
    median_hours: float  # from the change to the alarm
    longest_hours: float
    stated_hours: float
    fleet_hours: float | None  # the same, of the mean over all nodes
    false: int  # alarms until now, where nothing changed
    error_percent: float  # of the nodes in the new wind


@dataclass(frozen=True)
class Asked:
    asked: int  # windows
    answered: int
    recordings: int
    nodes: int
    bytes_of_a_window: int  # in an exact packet, the mean


@dataclass(frozen=True)
class Retrained:
    refit: str
    version: str
    windows: Mapping[str, Mapping[str, Any]]  # old and new: errors of champion and candidate by rate


@dataclass(frozen=True)
class Promoted:
    version: str
    bytes_over_the_air: Mapping[str, int]  # by file


@dataclass(frozen=True)
class Judged:
    answer: str
    canaries: int
    others: int
    hours: float
    worse_percent: float


@dataclass(frozen=True)
class Recovered:
    windows: int  # of the month; all that were sent
    fleet_percent: Mapping[str, float]  # the error before, in the new wind, and after
    moved_percent: Mapping[str, float]  # of the nodes in the new wind
    alarms_that_go_on: int  # of these
    false: int  # alarms of the month, where nothing changed


def quiet_week(story: Story) -> Quiet:
    story.fleet.send_until(story.day(story.plan.changes))
    windows = story.windows().windows
    return Quiet(story.plan.changes, len(windows), typical(windows))


def sensors_die(story: Story) -> Masked:
    """On the day on which the wind changes."""
    for node in story.moved:
        node.condition = "new wind"
    story.broken.condition = "dead sensors"
    story.fleet.send_until(story.day(story.plan.alarmed))
    received, broken = story.windows(), story.broken
    own = received.windows[received.windows["node"].eq(broken.name) & received.windows["start"].ge(story.change)]
    masks = received.faulty.groupby("window")["channel"].agg(set).reindex(own.index)
    masked = masks.map(lambda mask: mask == set(DEAD)).to_numpy()
    demand(bool(masked[0]), f"the first window of {broken.name} without two sensors has no mask of them")
    channels = received.channels[broken.model.version]
    return Masked(broken.name, [channels[number] for number in DEAD], len(masked), int((~masked).sum()))


def drift_is_found(story: Story) -> Alarmed:
    windows, moved = story.windows().windows, names(story.moved)
    alarms = story.watched().alarms
    hours = {alarm.node: (alarm.found - story.change).total_seconds() / 3600 for alarm in alarms  # the first one's
             if alarm.found > story.change}
    missing = sorted(moved - hours.keys())
    demand(not missing, f"no alarm for {', '.join(missing)} in the new wind")
    delays = [hours[name] for name in moved]
    median = float(np.median(delays))
    demand(median <= story.stated_hours, f"alarms came after {median:g} hours (median), {story.stated_hours:g} are "
           "stated for 19 of 20")
    return Alarmed(len(moved), median, max(delays), story.stated_hours, hours.get(FLEET), story.false(alarms),
                   typical(windows[windows["node"].isin(moved) & windows["start"].ge(story.change)]))


def windows_come(story: Story) -> Asked:
    """Someone lets the gateway ask the nodes that have an alarm, but for those with dead sensors."""
    fleet, received, nobody = story.fleet, story.windows(), story.fleet.table
    ask = AskParams(windows_a_day=story.plan.windows_a_day, repeat_seconds=86400)
    masked = received.windows.loc[received.faulty["window"].unique(), "node"]
    alarmed = {alarm.node for alarm in story.watched().going_on} - {*masked}
    fleet.go_on_with(NodeTable(nodes={name: node.model_copy(update={"ask": ask if name in alarmed else None})
                                      for name, node in nobody.nodes.items()}))
    fleet.send_until(story.day(story.plan.retrained))
    fleet.go_on_with(nobody)
    demand(fleet.total("answered") > 0, f"{fleet.total('asked')} windows were asked for, and none came")
    done = write_recordings(RECEIVED, FIELD)
    exact = windows_of(RECEIVED).to_table(columns=["packet"], filter=pyarrow.dataset.field("rate") == 0)["packet"]
    return Asked(fleet.total("asked"), fleet.total("answered"), done.recordings, done.nodes,
                 sum(map(len, exact.to_pylist())) // len(exact))


def codebooks_are_refitted(story: Story) -> Retrained:
    done = retrain(FIELD, "codebooks", story.params, Path())
    version = done.registration.version
    demand(version is not None, "the candidate did not pass the gates")
    for kind, factor in (("new", 1.0), ("old", 1 + story.plan.margin_percent / 100)):
        errors = done.comparison.errors[kind]
        for rate, error in errors.candidate.items():
            demand(error < factor * errors.champion[rate], f"at rate {rate} the candidate errs by {error:g} % on "
                   f"{kind} windows, the champion by {errors.champion[rate]:g} %")
    take(done)
    return Retrained("codebooks", version.number, done.comparison.to_json()["windows"])


def take(done: Retraining) -> None:
    """As a person does who means to promote it."""
    subprocess.run(["git", "merge", "-q", done.branch], check=True)
    subprocess.run([sys.executable, "-m", "dvc", "checkout", "-q", "--allow-missing"], check=True)


def candidate_is_promoted(story: Story) -> Promoted:
    releases = story.releases()
    version = releases.promote(CANDIDATE, Request(WHO, "the new wind", "a simulated fleet")).version
    export_version(releases, CHAMPION, "ota", OVER_THE_AIR, WHO, None)
    return Promoted(version, read_json(OVER_THE_AIR / MANIFEST)["bytes"])


def canaries_go_first(story: Story) -> Judged:
    fleet, model = story.fleet, champion(story.releases())
    canaries = {name for name, node in fleet.table.nodes.items() if node.group == CANARIES}
    fleet.scene = story.after
    fleet.update(canaries, model)
    fleet.send_until(story.day(story.plan.everywhere))
    windows = story.windows().windows
    verdict = judge(windows, running(windows, fleet.table), canaries, model.version, story.plan.margin_percent)
    demand(verdict.answer == "go on", f"rollout: {verdict.answer}: {verdict.reason}")
    return Judged(verdict.answer, verdict.canaries, verdict.others, verdict.hours, verdict.worse_percent)


def everyone_follows(story: Story) -> Recovered:
    fleet, plan = story.fleet, story.plan
    fleet.update(names(fleet.nodes), champion(story.releases()))
    fleet.send_until(story.day(plan.end))
    windows, undecoded = story.windows().windows, fleet.total("undecoded")
    demand(len(windows) == fleet.sent and not undecoded, f"{fleet.sent} windows were sent, {len(windows)} came")
    spans = {"before": (0, plan.changes), "in_new_wind": (plan.changes, plan.retrained),
             "after": (plan.everywhere, plan.end)}

    def errors(nodes: Collection[Node]) -> dict[str, float]:
        own = windows[windows["node"].isin(names(nodes))]
        return {span: typical(own[own["start"].between(story.day(begin), story.day(end))])
                for span, (begin, end) in spans.items()}

    moved, watched = errors(story.moved), story.watched()
    demand(moved["after"] < (moved["before"] + moved["in_new_wind"]) / 2, f"the error in the new wind is "
           f"{moved['after']:g} % with the new version, after {moved['in_new_wind']:g} %")
    return Recovered(len(windows), errors(fleet.nodes), moved,
                     sum(alarm.node in names(story.moved) for alarm in watched.going_on), story.false(watched.alarms))


ACTS = (quiet_week, sensors_die, drift_is_found, windows_come, codebooks_are_refitted, candidate_is_promoted,
        canaries_go_first, everyone_follows)


def demand(happened: bool, otherwise: str) -> None:
    """
    Raises:
        EdgeCodecError: it did not happen.
    """
    if not happened:
        raise EdgeCodecError(f"the story ends here: {otherwise}")


def typical(windows: pd.DataFrame) -> float:
    return rounded(typical_error(windows.loc[windows["rate"] > 0, "estimated_error"]), 4)


def champion(releases: Releases) -> Model:
    """As nodes run it: the registered encoder."""
    with tempfile.TemporaryDirectory() as work:
        version = find_version(releases.store, releases.name, CHAMPION)
        return Model(version.number, open_sealed(version, fetch_model(releases.store, version, Path(work))).codec)


def tell(plan: Plan, scenes: tuple[Scene, Scene], stated_hours: float,
         generator: np.random.Generator) -> dict[str, Any]:
    """Play all acts in the working directory, a project with a champion: what each of them saw, and its seconds.

    Args:
        scenes: what nodes measure before and after the retraining.

    Raises:
        EdgeCodecError: something did not happen as it should.
    """
    params = load_params()
    model = champion(Releases.open(params, Path()))
    nodes = [Node(f"node-{number:02d}", model) for number in range(plan.nodes)]
    canaries = set(generator.choice([node.name for node in nodes], plan.canaries, replace=False))
    fleet = SimulatedFleet(nodes, table_of(nodes, canaries, BEGIN), scenes[0],
                           RegisteredDecoders(params.registry.model_name), RECEIVED, BEGIN,
                           timedelta(minutes=params.fleet.period_minutes))
    story, told = Story(plan, params, fleet, scenes[1], stated_hours), {}
    with fleet.running():
        for act in ACTS:
            begun, spent = time.monotonic(), processor_seconds()
            told[act.__name__] = asdict(act(story)) | {"seconds": rounded(time.monotonic() - begun, 3),
                                                       "processor_seconds": rounded(processor_seconds() - spent, 3)}
            print(f"{act.__name__}: {told[act.__name__]}", flush=True)
    return {"plan": asdict(plan), "windows_a_day": round(timedelta(days=1) / fleet.period), **told}


def processor_seconds() -> float:
    """Of this process and those that it waited for."""
    return sum(os.times()[:4])


def copy_project(folder: Path) -> None:
    """The committed project with its registry, and with a champion: its candidate, if it has none."""
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", str(Path.cwd()), str(folder)], check=True)
    for name in ("mlflow.db", "mlartifacts"):
        demand(Path(name).exists(), f"{name}: not found; register a version first (make repro)")
    shutil.copyfile("mlflow.db", folder / "mlflow.db")
    shutil.copytree("mlartifacts", folder / "mlartifacts")
    dvc = partial(subprocess.run, check=True, text=True, capture_output=True)
    cache = dvc([sys.executable, "-m", "dvc", "cache", "dir"]).stdout.strip()
    dvc([sys.executable, "-m", "dvc", "cache", "dir", "--local", cache], cwd=folder)
    write_settings(folder / "params.yaml", QUICKER)
    subprocess.run(["git", "commit", "-qam", "Leave out what takes minutes"], cwd=folder, check=True)


def main() -> None:
    begun, home = time.monotonic(), Path.cwd()
    os.environ.pop("MLFLOW_TRACKING_URI", None)  # the story has a registry of its own
    for who in ("AUTHOR", "COMMITTER"):
        os.environ |= {f"GIT_{who}_NAME": WHO, f"GIT_{who}_EMAIL": "story@localhost"}
    copy_project(PROJECT)
    stated = read_json(METRICS / "drift.json")["drifts"]["wind"]["p95_hours"]
    os.chdir(PROJECT)
    params = load_params()
    releases, generator = Releases.open(params, Path()), np.random.default_rng(params.seed)
    if releases.state().champion is None:
        releases.promote(CANDIDATE, Request(WHO, "the first", "a simulated fleet"))
    plan = Plan()
    told = tell(plan, scenes_of(params, plan.seconds, generator), stated, generator)
    write_json(home / RESULTS, told | {"minutes": rounded((time.monotonic() - begun) / 60, 3),
                                       "processor_minutes": rounded(processor_seconds() / 60, 3)})


if __name__ == "__main__":
    run_program(main)
