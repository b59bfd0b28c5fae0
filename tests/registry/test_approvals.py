"""Two people behind a release: no one promotes alone, by whatever name, and approvals end with a rollback."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from small_project import save_params, small_params
from test_cli import Command, edgecodec  # noqa: F401  (a fixture)
from test_releases import aliases, refused, stored_log

from edgecodec.registry.releases import Releases, Request
from edgecodec.registry.signatures import TRUSTED_KEYS, SigningKey, create_key

ADA, BOB = Request("ada@ground", "fewer bits"), Request("bob@ground", "looked at the report")


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGECODEC_SIGNING_KEY", raising=False)


@pytest.fixture
def releases(registered: Path) -> Releases:
    """Of two versions, each of which wants two people."""
    params = small_params()
    params = params.model_copy(update={"registry": params.registry.model_copy(update={"approvals": 2})})
    save_params(params, registered)
    return Releases.open(params, registered)


def test_another_person_has_to_approve(releases: Releases) -> None:
    before = aliases()
    refused(lambda: releases.promote("1", ADA), "version 1 .*has ada@ground behind it, and .* asks for 2 people")
    assert releases.approve("1", ADA).entry is not None
    refused(lambda: releases.promote("1", ADA), "asks for 2 people; another one has to look at it")
    releases.approve("2", BOB)  # another version
    refused(lambda: releases.promote("1", ADA), "asks for 2 people")
    assert releases.approve("1", BOB).entry is not None
    assert releases.approve("1", BOB).entry is None
    assert aliases() == before

    assert releases.promote("1", ADA).entry is not None
    history = releases.state().history
    assert [entry.action for entry in history.entries] == ["approve"] * 3 + ["promote"]
    assert (history.champions, aliases()["champion"]) == (["1"], "1")
    assert history.people_behind("1", history.entries[0].bundle_sha256, {}) == {"ada@ground", "bob@ground"}
    assert history.people_behind("1", history.entries[1].bundle_sha256, {}) == set()  # other bytes by this number
    assert releases.store.client.get_model_version(releases.name, "2").tags.get("released.by") is None


def test_a_rollback_withdraws_approvals_and_wants_none(releases: Releases) -> None:
    for version in ("1", "2"):
        releases.approve(version, BOB)
        releases.promote(version, ADA)
    assert releases.rollback(ADA).version == "1"
    refused(lambda: releases.promote("2", ADA), "asks for 2 people")
    releases.approve("1", Request("eve@ground", "well again"))
    assert releases.rollback(ADA, withdrawn="2").entry is None  # may still be repeated
    releases.approve("2", BOB)
    assert releases.promote("2", ADA).entry is not None


def test_who_signs_with_a_key_is_its_owner_by_any_name(releases: Releases) -> None:
    for owner in ("ada", "bob"):
        create_key(Path(owner), f"{owner}@ground")
    Path(TRUSTED_KEYS).write_text(Path("ada.pub").read_text() + Path("bob.pub").read_text())

    def signed(who: str, key: str) -> Request:
        return Request(who, "as I was told", key=SigningKey.read(Path(key)))

    refused(lambda: releases.approve("1", BOB), "releases must be signed")
    releases.approve("1", signed("bob@ground", "ada"))
    refused(lambda: releases.promote("1", signed("carl@ground", "ada")), "has ada@ground behind it")
    shutil.copyfile("bob", "mine")
    Path("mine").chmod(0o600)
    assert releases.promote("1", signed("ada@ground", "mine")).entry is not None


def test_the_command_tells_what_is_lacking(releases: Releases, edgecodec: Command) -> None:  # noqa: F811
    one = Releases.open(small_params(), Path())
    one.promote("1", ADA)  # before two were asked for
    told = edgecodec("releases", "verify")
    assert (told.status, told.err.count("\n")) == (1, 1)
    assert "version 1 has ada@ground behind it, and registry.approvals in params.yaml asks for 2 people" in told.err
    approved = edgecodec("releases", "approve", "champion", "-m", "looked at it", "--by", "bob@ground")
    assert approved.out == "edgecodec version 1 is approved (release log, entry 2)\n", approved.err
    assert edgecodec("releases", "verify").status == 0
    again = edgecodec("releases", "approve", "1", "-m", "looked at it", "--by", "bob@ground")
    assert "approved by you already; nothing was changed" in again.out
    assert len(stored_log()) == 2
