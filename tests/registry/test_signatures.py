"""Signed releases: who owns the database cannot rewrite the log, and what is handed out says where it is from."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from small_project import small_params
from test_cli import Command, edgecodec  # noqa: F401  (a fixture)
from test_releases import ASKED, NAME, champion, refused, stored_log

from edgecodec.errors import EdgeCodecError
from edgecodec.registry.export import export_version
from edgecodec.registry.manifest import write_manifest
from edgecodec.registry.release_log import BEGINNING, ReleaseLog
from edgecodec.registry.releases import Releases, Request
from edgecodec.registry.signatures import TRUSTED_KEYS, SigningKey, TrustedKeys, create_key
from edgecodec.storage import read_json

Entries = list[dict]


@pytest.fixture(scope="module", autouse=True)
def local_store() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DVC_ROOT", "DVC_EXP_NAME", "MLFLOW_TRACKING_URI", "EDGECODEC_SIGNING_KEY"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the private keys of ada, whom the project trusts, and of eve."""
    folder = tmp_path_factory.mktemp("keys")
    for owner in ("ada", "eve"):
        create_key(folder / owner, f"{owner}@ground")
    return folder


@pytest.fixture(scope="module")
def signed_project(two_versions: Path, keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which versions 1 and 2 were promoted, in this order, both signed by ada."""
    folder = tmp_path_factory.mktemp("signed") / "project"
    shutil.copytree(two_versions, folder)
    shutil.copyfile(keys / "ada.pub", folder / TRUSTED_KEYS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for version in ("1", "2"):
            Releases.open(small_params(), folder).promote(version, asked_by(keys / "ada"))
    return folder


@pytest.fixture
def signed(signed_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Releases:
    """The releases of a copy of that, which is the working directory."""
    shutil.copytree(signed_project, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return Releases.open(small_params(), tmp_path / "project")


@pytest.fixture
def exported(signed: Releases, keys: Path) -> Path:
    """Version 2 for firmware, signed by ada."""
    export_version(signed, "2", "firmware", Path("taken"), "ada@ground", SigningKey.read(keys / "ada"))
    return Path("taken")


def asked_by(key: Path) -> Request:
    return Request(ASKED.who, ASKED.reason, key=SigningKey.read(key))


def rewrite_log(change: Callable[[Entries], Entries], key: SigningKey | None = None) -> None:
    """Change the log in the database, make hashes, head and marks agree with it again, and sign it with ``key``."""
    entries = change([json.loads(text) for _, text in stored_log()])
    with closing(sqlite3.connect("mlflow.db")) as database, database:
        (run,) = database.execute("select distinct run_uuid from params where key like 'entry.%'").fetchone()
        database.execute("delete from params where key like 'entry.%' or key like 'settled.%'")
        head = BEGINNING
        for number, entry in enumerate(entries, 1):
            entry["previous"] = head
            if key is not None:
                (unsigned,) = without_signatures([entry])
                message = f"{NAME}\n{json.dumps(unsigned, sort_keys=True, ensure_ascii=False)}"
                entry["signature"] = asdict(key.sign(message.encode()))
            text = json.dumps(entry, sort_keys=True, ensure_ascii=False)
            head = hashlib.sha256(text.encode()).hexdigest()
            database.executemany("insert into params (key, value, run_uuid) values (?, ?, ?)", [
                (f"entry.{number:04d}", text, run), (f"settled.{number:04d}", "yes", run)])
        database.execute("update registered_model_tags set value = ? where key = 'release_log.head'",
                         (f"{len(entries)} {head}",))
        if not entries:
            database.execute("delete from registered_model_tags where key = 'release_log.head'")


def another_story(entries: Entries) -> Entries:
    return [entry | {"reason": "as I was told"} for entry in entries]


def without_signatures(entries: Entries) -> Entries:
    return [{name: value for name, value in entry.items() if name != "signature"} for entry in entries]


def signature_lost(entries: Entries) -> Entries:
    return [entries[0], *without_signatures(entries[1:])]


def bit_flipped(entries: Entries) -> Entries:
    text = entries[1]["signature"]["ed25519"]
    entries[1]["signature"]["ed25519"] = ("B" if text[0] == "A" else "A") + text[1:]
    return entries


def signatures_mixed(entries: Entries) -> Entries:
    """The signature of one entry under another."""
    entries[0]["signature"] = entries[1]["signature"]
    return entries


def test_a_signed_log_says_who_signed(signed: Releases, edgecodec: Command, keys: Path) -> None:  # noqa: F811
    finished = edgecodec("releases", "verify")
    assert finished.status == 0, finished.err
    assert "release log unbroken, 2 entries, each signed by a key in release_keys.pub" in finished.out
    assert edgecodec("releases", "history").out.count("ada@ground") == 4  # who asked, and who signed
    assert edgecodec("releases", "rollback", "-m", "it clips", "--key", keys / "ada").status == 0
    assert champion() == "1"
    assert edgecodec("releases", "verify").status == 0


@pytest.mark.parametrize(("change", "told"), [
    (lambda entries: entries, None),
    (another_story, "entry 1 was changed: the signature by ada@ground does not verify"),
    (without_signatures, "entry 1 is not signed"),
    (signature_lost, "entry 2 is not signed"),
    (bit_flipped, "entry 2 was changed: the signature by ada@ground does not verify"),
    (signatures_mixed, "entry 1 was changed"),
    (lambda entries: entries[1:], "entry 2"),
    (lambda entries: entries[:0], "no signed release made it so"),
])
def test_a_log_rewritten_with_all_its_hashes_is_found(
        signed: Releases, edgecodec: Command, change: Callable[[Entries], Entries],  # noqa: F811
        told: str | None) -> None:
    rewrite_log(change)
    finished = edgecodec("releases", "verify")
    if told is None:  # the rewriting itself leaves no trace
        assert finished.status == 0, finished.err
    else:
        assert (finished.status, finished.err.count("\n")) == (1, 1)
        assert told in finished.err


def test_a_log_that_eve_signed_anew_is_found(signed: Releases, keys: Path) -> None:
    rewrite_log(another_story, SigningKey.read(keys / "eve"))
    refused(signed.state, "entry 1 is signed by SHA256:.*release_keys.pub does not list")
    shutil.copyfile(keys / "eve.pub", TRUSTED_KEYS)
    assert len(signed.state().history.entries) == 2  # nothing else was wrong


def test_a_signed_log_does_not_count_for_another_model(signed: Releases) -> None:
    log = ReleaseLog.open(signed.store, NAME, signed.trusted)
    assert len(log.read().entries) == 2
    with pytest.raises(EdgeCodecError, match="release log of other: entry 1 was changed"):
        replace(log, name="other").read()


def test_without_a_trusted_key_nothing_moves(signed: Releases, keys: Path) -> None:
    refused(lambda: signed.promote("1", ASKED), "releases must be signed; name your private key by --key FILE")
    refused(lambda: signed.promote("1", asked_by(keys / "eve")), "does not list your key, SHA256:")
    refused(lambda: signed.rollback(ASKED), "releases must be signed")
    refused(lambda: signed.repair(ASKED), "releases must be signed")


def test_a_log_from_before_there_were_keys_goes_on_with_signatures(registered: Path, keys: Path) -> None:
    releases = Releases.open(small_params(), registered)
    releases.promote("1", ASKED)
    assert "signature" not in stored_log()[0][1]
    shutil.copyfile(keys / "ada.pub", TRUSTED_KEYS)
    with pytest.raises(EdgeCodecError, match="entry 1 is not signed; if you know it") as raised:
        releases.state()
    vouch = str(raised.value).partition("release_keys.pub: ")[2]
    with Path(TRUSTED_KEYS).open("a") as file:
        file.write(f"{vouch}\n")
    releases.promote("2", asked_by(keys / "ada"))
    assert releases.state().history.champions == ["1", "2"]
    rewrite_log(lambda entries: another_story(entries[:1]))
    refused(releases.state, "entry 1 is not the one that .*release_keys.pub knows")


def test_a_known_log_needs_no_old_key_and_cannot_be_shortened(signed: Releases, keys: Path) -> None:
    head = signed.state().history.head
    Path(TRUSTED_KEYS).write_text(f"{(keys / 'eve.pub').read_text()}known-until 2 {head}\n")
    assert signed.state().history.head == head
    rewrite_log(lambda entries: entries[:1])
    refused(signed.state, "entry 2 is not the one that .*release_keys.pub knows .*, or is gone")


def test_without_the_list_signatures_are_not_demanded(signed: Releases, edgecodec: Command) -> None:  # noqa: F811
    Path(TRUSTED_KEYS).unlink()
    finished = edgecodec("releases", "verify")
    assert finished.status == 0, finished.err
    assert "no release_keys.pub in this folder: signatures are neither demanded nor checked" in finished.out
    assert "SHA256:" in edgecodec("releases", "history").out


def test_a_key_is_made_once_and_is_its_owners_alone(
        tmp_path: Path, edgecodec: Command, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.chdir(tmp_path)
    made = edgecodec("releases", "key", "mine", "--by", "ada@ground")
    assert made.out.startswith("ssh-ed25519 ")
    assert made.out.endswith(" ada@ground\n")
    assert Path("mine.pub").read_text() == made.out
    private = Path("mine").read_bytes()
    assert private.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert Path("mine").stat().st_mode & 0o777 == 0o600
    again = edgecodec("releases", "key", "mine")
    assert (again.status, again.err.count("\n")) == (1, 1)
    assert "no key is overwritten" in again.err
    assert Path("mine").read_bytes() == private
    Path("mine").chmod(0o640)
    with pytest.raises(EdgeCodecError, match="mine: others can read this private key; chmod 600 it"):
        SigningKey.read(Path("mine"))


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="compares with ssh-keygen")
def test_fingerprints_are_those_of_ssh_keygen(keys: Path) -> None:
    told = subprocess.run(["ssh-keygen", "-l", "-f", keys / "ada.pub"], capture_output=True, text=True, check=True)
    assert told.stdout.split()[1:3] == [SigningKey.read(keys / "ada").fingerprint, "ada@ground"]


@pytest.mark.parametrize(("content", "told"), [
    ("", "no key in it"), ("ssh-ed25519 AAAA ada", "line 1 is no OpenSSH public key of type ssh-ed25519"),
    ("known-until 3", "line 1 is no OpenSSH public key"),
])
def test_a_damaged_list_of_keys_is_named(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / TRUSTED_KEYS).write_text(content)
    with pytest.raises(EdgeCodecError, match=f"{TRUSTED_KEYS}: {told}"):
        TrustedKeys.find(tmp_path)


DECODE = """
import sys
from pathlib import Path
sys.path.append("out/python/edgecodec.zip")
from edgecodec.packets.decoder import PacketDecoder
packets = [bytes.fromhex(packet) for packet in sys.argv[1:]]
print(PacketDecoder.open(Path("out/receiver"), Path("out/encoder")).decode(packets).windows.shape)
"""


def test_a_gateway_decodes_with_what_was_exported(
        signed: Releases, edgecodec: Command, keys: Path, packets: list[bytes]) -> None:  # noqa: F811
    done = edgecodec("releases", "export", "champion", "--for", "gateway", "-o", "out", "--key", keys / "ada")
    assert "out: edgecodec version 2 for gateway, exported by " in done.out, done.err
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    decoded = subprocess.run([sys.executable, "-c", DECODE, *(packet.hex() for packet in packets)], text=True,
                             env=environment, capture_output=True, check=False)
    assert decoded.stdout == "(6, 6, 64)\n", decoded.stderr
    checked = edgecodec("releases", "check", "out")
    assert checked.status == 0, checked.err
    assert "every file as listed; signed by ada@ground" in checked.out


def test_a_model_for_the_air_says_which_code_runs_it(signed: Releases, edgecodec: Command, keys: Path) -> None:  # noqa: F811
    done = edgecodec("releases", "export", "champion", "--for", "ota", "-o", "out", "--key", keys / "ada")
    assert "out: edgecodec version 2 for ota, exported by " in done.out, done.err
    manifest = read_json(Path("out/manifest.json"))
    blobs = {path: (Path("out") / path).read_bytes() for path in manifest["files"]}
    assert set(blobs) == {"firmware/ota/codebooks.bin", "firmware/ota/weights.bin"}
    assert manifest["bytes"] == {path: len(blob) for path, blob in blobs.items()}
    for blob in blobs.values():
        assert blob[12:76].hex() == manifest["shape_hash"] + manifest["model_hash"]
    assert edgecodec("releases", "check", "out").status == 0
    Path("out/firmware/ota/weights.bin").write_bytes(bytes(4))
    assert "changed: firmware/ota/weights.bin" in edgecodec("releases", "check", "out").err


def reseal(folder: Path) -> None:
    """Change a file, and the manifest with it, as anyone can."""
    next(folder.glob("*/codec.json"), folder / "firmware" / "README.md").write_text("other")
    content = read_json(folder / "manifest.json")
    write_manifest(folder, content["model_hash"], export=content["export"])


@pytest.mark.parametrize(("damage", "told"), [
    (lambda folder: (folder / "firmware" / "more.c").write_text(""), "not in the manifest: firmware/more.c"),
    (reseal, "manifest.json was changed: the signature by ada@ground does not verify"),
    (lambda folder: (folder / "manifest.json.sig").unlink(), r"not signed \(manifest.json.sig is missing\)"),
    (lambda folder: (folder / "manifest.json.sig").write_text("{}"), "manifest.json.sig: not a signature"),
    (lambda folder: (folder / "manifest.json").unlink(), "manifest.json"),
])
def test_a_changed_export_is_found(exported: Path, edgecodec: Command, damage: Callable[[Path], object],  # noqa: F811
                                   told: str) -> None:
    assert edgecodec("releases", "check", exported, "--keys", TRUSTED_KEYS).status == 0
    damage(exported)
    checked = edgecodec("releases", "check", exported)
    assert (checked.status, checked.err.count("\n")) == (1, 1)
    assert re.search(told, checked.err), checked.err


def test_an_export_replaces_nothing_and_follows_the_log(signed: Releases, edgecodec: Command) -> None:  # noqa: F811
    Path("out").mkdir()
    assert "out: is there already" in edgecodec("releases", "export", "2", "--for", "firmware", "-o", "out").err
    assert list(Path("out").iterdir()) == []
    signed.store.client.set_registered_model_alias(NAME, "champion", "1")
    told = edgecodec("releases", "export", "champion", "--for", "firmware", "-o", "new").err
    assert "alias champion points to version 1, the release log says version 2" in told
    assert not Path("new").exists()
