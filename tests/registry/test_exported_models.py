"""A gateway without MLflow: it decodes as the registry does, and with nothing that was changed or is not signed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_project import small_params
from test_cli import Command, edgecodec  # noqa: F401  (a fixture)
from test_signatures import reseal

from edgecodec.errors import EdgeCodecError
from edgecodec.gateway.decoders import RegisteredDecoders
from edgecodec.gateway.exported import ExportedDecoders
from edgecodec.registry.export import Use, export_version
from edgecodec.registry.manifest import SIGNATURE
from edgecodec.registry.releases import Releases
from edgecodec.registry.signatures import TRUSTED_KEYS, SigningKey, TrustedKeys, create_key

MODELS = Path("models")


def export(version: str, name: str, signer: str = "ada", use: Use = "gateway") -> Path:
    folder = MODELS / name
    export_version(Releases.open(small_params(), Path()), version, use, folder, signer, SigningKey.read(Path(signer)))
    return folder


@pytest.fixture
def exported(registered: Path) -> Path:
    """Version 2, signed by ada, whom the project trusts."""
    for owner in ("ada", "eve"):
        create_key(Path(owner), f"{owner}@ground")
    shutil.copyfile("ada.pub", TRUSTED_KEYS)
    return export("2", "two")


@pytest.fixture
def decoders(exported: Path) -> ExportedDecoders:
    decoders = ExportedDecoders(MODELS, TrustedKeys.find(Path()))
    decoders.refresh()
    return decoders


def test_exported_models_decode_as_registered_ones(decoders: ExportedDecoders, mixed: list[bytes]) -> None:
    registry = RegisteredDecoders("edgecodec")
    registry.refresh()
    model_id = registry.model_id("2")
    assert decoders.model_id("2") == model_id
    assert decoders.model_id("1") is None
    tables = []
    for each in (decoders, registry):
        decoder = each.of(model_id)
        assert not isinstance(decoder, str)
        with pytest.raises(EdgeCodecError, match="packet 1"):
            decoder.decode([mixed[0], mixed[1][:-1]])
        tables.append(decoder.decode(mixed))
    np.testing.assert_array_equal(*(np.stack(table.pop("window")) for table in tables))
    assert [*map(len, tables[0].pop("faulty"))] == [*map(len, tables[1].pop("faulty"))]
    pd.testing.assert_frame_equal(tables[0], tables[1].drop(columns="error"))


def test_what_is_not_there_is_told(decoders: ExportedDecoders) -> None:
    assert decoders.of(b"none") == "no version in models has the model id 6e6f6e65; export it, then decode this file"
    assert "no version 7 is in models" in str(decoders.version("7"))


@pytest.mark.parametrize(("damage", "told"), [
    (lambda folder: (folder / "encoder" / "codec.json").write_text("{}"), "not the bundle that was sealed; changed"),
    (reseal, "manifest.json was changed: the signature by ada@ground does not verify"),
    (lambda folder: (folder / SIGNATURE).unlink(), "models/two: not signed"),
    (lambda folder: export("1", "one", "eve"), "models/one/manifest.json is signed by SHA256:"),
    (lambda folder: export("2", "too"), "models/two: version 2, as is models/too; remove one"),
    (lambda folder: export("1", "one", use="firmware"), "models/one: exported for firmware"),
    (shutil.rmtree, "models: has no exported model"),
])
def test_no_gateway_starts_with_such_a_folder(exported: Path, edgecodec: Command,  # noqa: F811
                                              damage: Callable[[Path], object], told: str) -> None:
    damage(exported)
    done = edgecodec("gateway", "received", "--models", "models")
    assert (done.status, done.err.count("\n")) == (1, 1)
    assert told in done.err
    assert not Path("received").exists()


def test_a_folder_that_comes_later_is_checked_too(decoders: ExportedDecoders, exported: Path) -> None:
    changed = export("1", "one")
    reseal(changed)
    with pytest.raises(EdgeCodecError, match=r"models/one/manifest\.json was changed"):
        decoders.refresh()
    shutil.rmtree(changed)
    shutil.rmtree(exported)
    export("1", "two")
    decoders.refresh()
    assert (decoders.model_id("1") is None, decoders.model_id("2")) == (False, None)


def test_keys_are_for_exported_models(exported: Path, edgecodec: Command) -> None:  # noqa: F811
    assert "--keys ada.pub: is for exported folders" in edgecodec("gateway", "received", "--keys", "ada.pub").err
    assert "which eve.pub does not list" in edgecodec(
        "gateway", "received", "--models", "models", "--keys", "eve.pub").err


def test_no_mlflow_is_needed() -> None:
    """In a process of its own, since this one has imported it."""
    subprocess.run([sys.executable, "-c", "import sys, edgecodec.gateway.exported, edgecodec.gateway.gateway, "
                                          "edgecodec.gateway.monitoring; assert 'mlflow' not in sys.modules"],
                   check=True)
