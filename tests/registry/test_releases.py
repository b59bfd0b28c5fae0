"""Releases: what passes becomes champion, what does not leaves everything as it was, and the log tells the story."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import chain, count
from pathlib import Path
from typing import Any

import pytest
from small_project import VARIANTS, erring, git, register_variant, small_params, write_validation_windows
from sqlalchemy import event
from sqlalchemy.engine import Engine

from edgecodec.deploy.emit import firmware_hash
from edgecodec.dvc_files import dvc_md5
from edgecodec.errors import EdgeCodecError
from edgecodec.metrics import BY_RELATIVE
from edgecodec.params import Params
from edgecodec.registry.bundle import PARTS
from edgecodec.registry.examination import Examination, examine
from edgecodec.registry.manifest import verify_bundle, write_manifest
from edgecodec.registry.releases import Aliases, Releases, Request
from edgecodec.registry.remeasurement import LocalWindows, measured_errors
from edgecodec.registry.store import open_store
from edgecodec.storage import read_json, write_json

NAME = "edgecodec"
ASKED = Request("ada@ground", "fewer bits for the same error")
BUNDLE = "artifacts/artifacts/bundle"


@pytest.fixture(scope="module", autouse=True)
def local_store() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DVC_ROOT", "DVC_EXP_NAME", "MLFLOW_TRACKING_URI"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="module")
def six_versions(two_versions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with six versions."""
    folder = tmp_path_factory.mktemp("releases") / "project"
    shutil.copytree(two_versions, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for number, change in enumerate(VARIANTS[2:], 3):
            assert register_variant(folder, change) == str(number)
    return folder


@pytest.fixture
def releases(six_versions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Releases:
    """The releases of a copy of that project, which is the working directory."""
    shutil.copytree(six_versions, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return Releases.open(small_params(), tmp_path / "project")


@pytest.fixture(scope="module")
def released(six_versions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which versions 1, 3 and 2 were promoted, in this order."""
    folder = tmp_path_factory.mktemp("released") / "project"
    shutil.copytree(six_versions, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        releases = Releases.open(small_params(), folder)
        for version in ("1", "3", "2"):
            releases.promote(version, ASKED)
    return folder


@pytest.fixture
def after_three(released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Releases:
    """The releases of a copy of that, which is the working directory."""
    shutil.copytree(released, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return Releases.open(small_params(), tmp_path / "project")


def aliases() -> dict[str, str]:
    return {alias: str(number) for alias, number in open_store().client.get_registered_model(NAME).aliases.items()}


def champion() -> str | None:
    return aliases().get("champion")


def model_folder(releases: Releases, version: str) -> Path:
    source = releases.store.client.get_model_version_download_uri(NAME, version)
    return Path(source.removeprefix("file://"))


def refused(act: Callable[[], object], told: str) -> None:
    """One line with ``told`` in it; aliases and log as before."""
    before, entries = aliases(), stored_log()
    with pytest.raises(EdgeCodecError, match=told) as raised:
        act()
    assert "\n" not in str(raised.value)
    assert (aliases(), stored_log()) == (before, entries)


def stored_log() -> list[tuple[str, str]]:
    with closing(sqlite3.connect("mlflow.db")) as database:
        return database.execute("select key, value from params where key like 'entry.%' order by key").fetchall()


def test_a_promoted_version_is_champion_with_its_story(releases: Releases) -> None:
    releases.promote("1", ASKED)
    release = releases.promote("candidate" if aliases()["candidate"] == "2" else "2", Request("bob@ground", "better"))

    assert aliases() | {"candidate": ""} == {"champion": "2", "previous-champion": "1", "candidate": ""}
    tags = releases.store.client.get_model_version(NAME, "2").tags
    assert (tags["released.by"], tags["released.why"], tags["released.entry"]) == ("bob@ground", "better", "2")
    assert release.entry is not None
    assert release.entry.before == Aliases("1", None)
    assert [finding.subject for finding in release.examination.findings] == [
        "bundle", "tags", "profile", *(f"gate {verdict.name}" for verdict in release.examination.verdicts), "evidence",
        "lineage", "firmware", "errors"]
    assert {"gate champion.rate1", "gate champion.rate2"} <= {each.subject for each in release.examination.findings}
    assert release.examination.findings[-1].text.startswith("as DVC recorded them; artifacts")


def test_promoting_the_champion_again_changes_nothing(releases: Releases) -> None:
    releases.promote("1", ASKED)
    before = stored_log()
    assert releases.promote("1", ASKED).entry is None
    assert releases.promote("@champion", ASKED).entry is None
    assert stored_log() == before


def test_rollback_goes_back_step_by_step(after_three: Releases) -> None:
    releases = after_three
    assert releases.rollback(ASKED).version == "3"
    assert (champion(), aliases()["previous-champion"]) == ("3", "1")
    assert "withdrawn.why" in releases.store.client.get_model_version(NAME, "2").tags
    assert releases.rollback(ASKED).version == "1"
    assert (champion(), aliases().get("previous-champion")) == ("1", None)
    refused(lambda: releases.rollback(ASKED), "no earlier champion to go back to")
    assert [entry.action for entry in releases.state().history.entries] == ["promote"] * 3 + ["rollback"] * 2


def test_a_rollback_from_a_named_version_may_be_repeated(after_three: Releases) -> None:
    releases = after_three
    refused(lambda: releases.rollback(ASKED, "1"), "version 1 is not the champion, which is version 2")
    assert releases.rollback(ASKED, "2").version == "3"
    assert releases.rollback(ASKED, "2").entry is None
    assert champion() == "3"


def test_a_worse_version_is_refused(after_three: Releases) -> None:
    refused(lambda: after_three.promote("3", ASKED), "version 3 is not promoted: gate champion.rate2: 2.05 is more")


def test_a_version_measured_on_other_windows_is_refused(after_three: Releases) -> None:
    refused(lambda: after_three.promote("6", ASKED), "comparison: version 2 was measured on other validation windows")


@pytest.fixture
def lenient() -> Params:
    """Limits that the codec of the tests keeps on windows: its decoder has learned nothing."""
    content = small_params().model_dump(mode="json", by_alias=True)
    content["gates"]["error"] = 200.0
    return Params.model_validate(content)


def really_measured(folder: Path, params: Params, factor: float = 1.0) -> str:
    """Register the project's codec with its errors on its validation windows, times ``factor``; its version."""
    local = LocalWindows.find(folder)
    assert local is not None
    found = measured_errors(bundle_of(folder / "artifacts", folder), local.windows, BY_RELATIVE)

    def change(figures: dict) -> None:
        figures["windows"]["splits"]["validation"]["digest"] = local.digest
        for rate, error in found.items():
            figures["rate_distortion"]["splits"]["validation"]["edgecodec"][str(rate)]["error_percent"] = factor * error
    return register_variant(folder, change, params)


def bundle_of(artifacts: Path, folder: Path) -> Path:
    """The parts of a bundle that make errors."""
    bundle = folder / "mlartifacts" / "bundle"
    for part in ("decoder", "encoder", "receiver"):
        shutil.copytree(artifacts / PARTS[part], bundle / part, dirs_exist_ok=True)
    return bundle


def test_errors_are_measured_anew(releases: Releases, lenient: Params) -> None:
    folder, releases = releases.repository, replace(releases, params=lenient)
    write_validation_windows(folder / "artifacts/windows/validation")
    boasting = really_measured(folder, lenient, 0.99)
    refused(lambda: releases.promote(boasting, ASKED), "errors: measured anew, rate 1 has .* its metrics say")


@pytest.mark.slow
def test_errors_of_a_champion_of_other_windows_are_measured_anew(releases: Releases, lenient: Params) -> None:
    folder, releases = releases.repository, replace(releases, params=lenient)
    move_champion("1")
    write_validation_windows(folder / "artifacts/windows/validation")
    slightly_worse = really_measured(folder, lenient, 1.0005)
    refused(lambda: releases.promote(slightly_worse, ASKED), "not promoted: gate champion.rate1: .* is more than")

    equal = releases.promote(really_measured(folder, lenient), ASKED).examination
    assert equal is not None
    compared = {verdict.name: verdict for verdict in equal.verdicts}["champion.rate1"]
    assert compared.value == pytest.approx(compared.limit, rel=1e-6)
    assert equal.findings[-1].text.endswith("%, measured anew on 40 validation windows")


def test_damaged_local_windows_stop_a_promotion(releases: Releases) -> None:
    write_validation_windows(releases.repository / "artifacts/windows/validation")
    (releases.repository / "artifacts/windows/validation/set.json").write_text("{}")
    refused(lambda: releases.promote("1", ASKED),
            r"artifacts/windows/validation: no readable set of windows \(.*\); run the stage")


def test_a_rollback_may_go_to_a_worse_version_but_not_to_a_damaged_one(after_three: Releases) -> None:
    append(model_folder(after_three, "3") / "artifacts/bundle/decoder/model.safetensors")
    refused(lambda: after_three.rollback(ASKED), "changed: decoder/model.safetensors")


def test_an_estimate_needs_a_reason_which_is_logged(releases: Releases) -> None:
    refused(lambda: releases.promote("4", ASKED), r"evidence: estimated, but a release needs measured or .*GVSOC")
    accepted = replace(ASKED, accept_estimated="the simulator is down, the kernels are old")
    entry = releases.promote("4", accepted).entry
    assert entry is not None
    assert entry.accepted_estimate == accepted.accept_estimated


def test_a_reason_for_an_estimate_is_not_logged_where_none_was_needed(releases: Releases) -> None:
    entry = releases.promote("1", replace(ASKED, accept_estimated="just in case")).entry
    assert entry is not None
    assert entry.accepted_estimate is None


def test_a_quick_training_is_refused(releases: Releases) -> None:
    refused(lambda: releases.promote("5", ASKED), "profile: metrics/training.json says quick; only")


def test_an_unknown_version_is_refused_with_those_there_are(releases: Releases) -> None:
    for wanted in ("17", "nobody", "@nobody", "0", "-1"):
        refused(lambda wanted=wanted: releases.promote(wanted, ASKED), f"no version or alias {wanted}; there are 6")


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" ")


@pytest.mark.parametrize(("tamper", "told"), [
    (lambda model: append(model / "artifacts/bundle/firmware/src/codec.c"), "changed: firmware/src/codec.c"),
    (lambda model: append(model / "artifacts/bundle/manifest.json"), r"manifest.json: not the one that was registered"),
    (lambda model: append(model / "pyfunc_model.py"), "by which MLflow loads it, are not those that were registered"),
    (lambda model: (model / "sitecustomize.py").write_text("1"), "by which MLflow loads it, are not those"),
    (lambda model: shutil.rmtree(model), "its files cannot be copied"),
])
def test_a_tampered_bundle_is_refused(releases: Releases, tamper: Callable[[Path], object], told: str) -> None:
    tamper(model_folder(releases, "2"))
    refused(lambda: releases.promote("2", ASKED), told)


def reseal(releases: Releases, version: str) -> None:
    """Make manifest and tag agree with the files as they are: what a thorough attacker does."""
    bundle = model_folder(releases, version) / "artifacts/bundle"
    write_manifest(bundle, read_json(bundle / "manifest.json")["model_hash"])
    releases.store.client.set_model_version_tag(NAME, version, "bundle_sha256", verify_bundle(bundle).sha256)


def test_a_resealed_metric_is_found_by_what_dvc_recorded(releases: Releases) -> None:
    path = model_folder(releases, "2") / "artifacts/bundle/metrics/verification.json"
    write_json(path, {**read_json(path), "l1_bytes": 1})
    reseal(releases, "2")
    refused(lambda: releases.promote("2", ASKED),
            "lineage: metrics/verification.json is not the artifacts/metrics/verification.json that DVC recorded")


def forge_firmware(releases: Releases, version: str) -> None:
    """Make report, lineage, git and seals agree with the firmware as it is: what an insider may do."""
    bundle = model_folder(releases, version) / "artifacts/bundle"
    report, lineage = (read_json(bundle / name) for name in ("verification/report.json", "lineage.json"))
    write_json(bundle / "verification/report.json", {**report, "firmware_hash": firmware_hash(bundle / "firmware")})
    lock = Path("dvc.lock").read_text()
    for part in ("firmware", "verification"):
        known, found = lineage["train"]["outs"][f"artifacts/{part}"], dvc_md5(bundle / part)
        lineage["train"]["outs"][f"artifacts/{part}"] = found
        lock = lock.replace(known, found)
    write_json(bundle / "lineage.json", lineage)
    Path("dvc.lock").write_text(lock)
    git(Path(), "add", "dvc.lock")
    git(Path(), "commit", "-q", "-m", "Record results")
    reseal(releases, version)


def test_a_forged_firmware_is_found_by_running_it(releases: Releases) -> None:
    path = model_folder(releases, "6") / "artifacts/bundle/firmware/src/codec_weights.c"
    path.write_text(path.read_text().replace("0x1p+0f", "0x1p+1f"))  # scales of channels
    forge_firmware(releases, "6")
    refused(lambda: releases.promote("6", ASKED), "firmware: host: .*weights or codebooks damaged or not of one model")


def test_a_firmware_without_golden_windows_proves_nothing(releases: Releases) -> None:
    golden = model_folder(releases, "6") / "artifacts/bundle/firmware/golden/windows.bin"
    golden.write_bytes(b"")
    forge_firmware(releases, "6")
    refused(lambda: releases.promote("6", ASKED), "firmware: golden/windows.bin holds no window")


def test_tags_must_say_what_the_bundle_says(releases: Releases) -> None:
    releases.store.client.set_model_version_tag(NAME, "2", "error_percent.rate1", "1.5")
    refused(lambda: releases.promote("2", ASKED), r"tags: error_percent.rate1 is '1.5', the bundle says '2.3'")


def test_gates_are_judged_by_todays_limits(releases: Releases) -> None:
    content = small_params().model_dump(mode="json", by_alias=True)
    content["gates"]["largest_l1_bytes"] = 80_000
    strict = replace(releases, params=Params.model_validate(content))
    refused(lambda: strict.promote("2", ASKED), "gate l1_bytes: 90,000 is more than 80,000")


def test_results_that_nobody_committed_are_refused(releases: Releases) -> None:
    git(releases.repository, "reset", "-q", "--hard", "HEAD~1")
    refused(lambda: releases.promote("6", ASKED), "lineage: no commit in this clone has its dvc.lock")


def test_outside_of_git_nothing_is_released(releases: Releases) -> None:
    shutil.rmtree(".git")
    refused(lambda: releases.promote("2", ASKED), "lineage: .* is not in git; run in a clone of the project")


def move_champion(number: str) -> None:
    open_store().client.set_registered_model_alias(NAME, "champion", number)


def meanwhile(patch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """``act`` right after the next version was examined."""
    def examined(*arguments: Any) -> Examination:
        patch.undo()
        found = examine(*arguments)
        act()
        return found

    patch.setattr("edgecodec.registry.releases.examine", examined)


def test_a_champion_that_moves_under_a_promotion_stops_it(releases: Releases, monkeypatch: pytest.MonkeyPatch) -> None:
    releases.promote("1", ASKED)
    with monkeypatch.context() as patch:
        meanwhile(patch, lambda: move_champion("3"))
        with pytest.raises(EdgeCodecError, match="alias champion was moved to version 3 meanwhile, from version 1"):
            releases.promote("2", ASKED)
    assert (champion(), len(stored_log())) == ("3", 1)


def test_of_two_people_one_releases(releases: Releases, monkeypatch: pytest.MonkeyPatch) -> None:
    releases.promote("1", ASKED)
    with monkeypatch.context() as patch:
        meanwhile(patch, lambda: releases.promote("3", Request("bob@ground", "mine")))
        with pytest.raises(EdgeCodecError, match=r"bob@ground made version 3 the champion meanwhile \(entry 2\)"):
            releases.promote("2", ASKED)
    assert (champion(), len(stored_log())) == ("3", 2)


def test_an_alias_moved_by_hand_is_named_and_put_back(after_three: Releases) -> None:
    releases = after_three
    move_champion("5")
    state = releases.state()
    assert state.astray is not None
    assert "alias champion points to version 5, the release log says version 2" in state.astray
    refused(lambda: releases.promote("3", ASKED), "moved by other means")
    refused(lambda: releases.rollback(ASKED), "moved by other means")

    entry = releases.promote("2", ASKED).entry
    assert entry is not None
    assert (entry.action, entry.before.champion) == ("restore", "5")
    assert (champion(), releases.state().astray) == ("2", None)
    assert releases.state().history.champions == ["1", "3", "2"]


def delete_version(*numbers: str) -> None:
    """As MLflow's page does."""
    for number in numbers:
        open_store().client.delete_model_version(NAME, number)


def line(releases: Releases) -> tuple[str | None, list[str], str | None]:
    """The champion, those to go back to, and what there is to mend."""
    state = releases.state()
    assert aliases().get("champion") == state.champion
    assert aliases().get("previous-champion") == (state.earlier[-1] if state.earlier else None)
    return state.champion, state.earlier, state.astray


def test_a_deleted_champion_is_taken_out_and_the_way_on_is_free(after_three: Releases) -> None:
    releases = after_three
    delete_version("2")
    for act in (lambda: releases.promote("3", ASKED), lambda: releases.promote("2", ASKED),
                lambda: releases.rollback(ASKED)):
        refused(act, "version 2|releases repair")
    assert "releases repair" in (releases.state().astray or "")

    (entry,) = releases.repair(Request("ada@ground", "someone deleted it"))
    assert (entry.action, entry.version, entry.after, entry.reason) == (
        "repair", "2", Aliases(None, "3"), "someone deleted it")
    assert entry.bundle_sha256 == releases.state().history.entries[2].bundle_sha256
    assert line(releases) == (None, ["1", "3"], None)
    assert releases.repair(ASKED) == []

    assert releases.rollback(ASKED).version == "3"
    assert line(releases) == ("3", ["1"], None)
    assert releases.rollback(ASKED).version == "1"


def test_after_a_repair_any_version_that_passes_may_be_promoted(after_three: Releases) -> None:
    delete_version("2", "1")
    assert [entry.version for entry in after_three.repair(ASKED)] == ["1", "2"]
    assert line(after_three) == (None, ["3"], None)
    move_champion("5")  # by hand
    entry = after_three.promote("3", ASKED).entry
    assert entry is not None
    assert (entry.action, line(after_three)) == ("promote", ("3", [], None))


def test_a_deleted_earlier_champion_is_taken_out_and_the_champion_stays(after_three: Releases) -> None:
    delete_version("3")
    refused(lambda: after_three.rollback(ASKED), "line of champions has version 3, which MLflow has no more")
    after_three.repair(ASKED)
    assert line(after_three) == ("2", ["1"], None)
    assert after_three.rollback(ASKED).version == "1"


def test_a_number_that_another_model_has_by_now_is_lost(after_three: Releases) -> None:
    refused_for = "version 1 and version 3 and version 2, which MLflow has no more"
    open_store().client.delete_registered_model(NAME)
    assert register_variant(after_three.repository, erring(2.3)) == "1"  # counted from 1 again
    refused(lambda: after_three.promote("1", ASKED), refused_for)
    assert len(after_three.repair(ASKED)) == 3
    assert line(after_three) == (None, [], None)
    after_three.promote("1", ASKED)
    assert line(after_three) == ("1", [], None)


def test_a_version_deleted_before_its_release_was_completed_does_not_block_all(after_three: Releases) -> None:
    with closing(sqlite3.connect("mlflow.db")) as database, database:
        database.execute("delete from params where key = 'settled.0003'")
    delete_version("2")
    assert after_three.state().lost == ("2",)
    after_three.repair(ASKED)
    assert line(after_three) == (None, ["1", "3"], None)


def test_a_champion_from_before_the_log_is_the_first_to_go_back_to(releases: Releases) -> None:
    move_champion("1")
    releases.promote("2", ASKED)
    assert aliases()["previous-champion"] == "1"
    assert releases.rollback(ASKED).version == "1"


def alter_log(statement: str) -> None:
    with closing(sqlite3.connect("mlflow.db")) as database, database:
        assert database.execute(statement).rowcount == 1


@pytest.mark.parametrize(("statement", "told"), [
    ("update params set value = replace(value, 'ada@', 'eve@') where key = 'entry.0001'", "entry 1 was edited"),
    ("update params set value = replace(value, 'ada@', 'eve@') where key = 'entry.0002'", "entry 2 was edited"),
    ("update params set value = replace(value, 'ada@', 'eve@') where key = 'entry.0003'", "entry 3 was edited"),
    ("update params set value = 'nothing' where key = 'entry.0003'", "entry 3 was edited: it is no entry any more"),
    ("delete from params where key = 'entry.0001'", "entry 1 was removed"),
    ("delete from params where key = 'entry.0003'", "entry 3 was removed"),
    ("update registered_model_tags set value = '3 ' || substr(value, 4) where key = 'release_log.head'", "entry 3 was"),
    ("delete from registered_models where name = 'edgecodec.release-log'", "edgecodec.release-log was deleted"),
    ("update runs set lifecycle_stage = 'deleted' where name = 'release log'", "its run was deleted; restore it"),
])
def test_an_edited_log_stops_every_release(after_three: Releases, statement: str, told: str) -> None:
    with closing(sqlite3.connect("mlflow.db")) as database, database:
        if "registered_models" in statement:
            database.execute("delete from registered_model_tags where name = 'edgecodec.release-log'")
    alter_log(statement)
    for act in (after_three.state, lambda: after_three.promote("2", ASKED), lambda: after_three.rollback(ASKED)):
        refused(act, told)


def test_removing_the_last_entry_and_its_mark_is_found_by_the_head(after_three: Releases) -> None:
    alter_log("delete from params where key = 'entry.0003'")
    alter_log("delete from params where key = 'settled.0003'")
    refused(after_three.state, "entry 3 was removed, and all after it")


def killed_at_write(act: Callable[[], object], number: int) -> bool:
    """Run ``act`` in a process of its own that is killed (SIGKILL) when it writes to the database for the ``number``-th
    time, before the statement or, for odd numbers, after it; whether it lived so long."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        writes = 0

        def counting(when: int) -> Callable[..., None]:
            def counted(connection: object, cursor: object, statement: str, *rest: object) -> None:
                nonlocal writes
                if statement.split()[0] in ("INSERT", "UPDATE", "DELETE"):
                    writes += 1 - when
                    if writes == number // 2 and when == number % 2:
                        os.kill(os.getpid(), signal.SIGKILL)
            return counted

        event.listen(Engine, "before_cursor_execute", counting(0))
        event.listen(Engine, "after_cursor_execute", counting(1))
        try:
            act()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("first", "times"), [((2, 3, 6, 12), 4), pytest.param((), 20, marks=pytest.mark.slow)])
def test_kill_9_at_any_write_leaves_aliases_and_log_consistent(after_three: Releases, first: tuple[int, ...],
                                                               times: int) -> None:
    """Rollbacks and promotions are killed at random writes. Each time the next command finds the state before or the
    state after, whole; both happen."""
    generator = random.Random(5)
    writes = chain(first, (generator.randrange(2, 32) for _ in count()))
    folder, killed, completed = after_three.repository, 0, 0
    while killed < times:
        before = champion()

        def act(before: str | None = before) -> None:
            releases = Releases.open(small_params(), folder)
            releases.rollback(ASKED, "2") if before == "2" else releases.promote("2", ASKED)

        killed += killed_at_write(act, next(writes))
        state = Releases.open(small_params(), folder).state()
        completed += state.completed is not None
        assert (state.astray, champion()) == (None, state.history.champions[-1])
        assert state.history.champions in (["1", "3", "2"], ["1", "3"])
        assert aliases()["previous-champion"] == state.history.champions[-2]
        assert Releases.open(small_params(), folder).state().completed is None
    assert 0 < completed < times
