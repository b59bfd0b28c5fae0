"""A codec's arithmetic is a part of what it is: kept in its files, and in its hash."""

from dataclasses import replace
from pathlib import Path

import pytest
from deploy.factory import Sizes, edge_like

from edgecodec.errors import EdgeCodecError
from edgecodec.packets.network import load_codec, save_codec
from edgecodec.storage import read_json

LANES = edge_like(Sizes(coded_classes=5, arithmetic="lanes"))


def test_lanes_are_kept(tmp_path: Path) -> None:
    save_codec(LANES, tmp_path)
    loaded = load_codec(tmp_path)
    assert loaded.arithmetic == "lanes"
    assert loaded.model_hash == LANES.model_hash


def test_the_arithmetic_is_in_the_hash() -> None:
    assert replace(LANES, arithmetic="dotpex").model_hash != LANES.model_hash


def test_codecs_from_before_there_were_lanes_are_read(tmp_path: Path) -> None:
    save_codec(replace(LANES, arithmetic="dotpex"), tmp_path)
    assert "arithmetic" not in read_json(tmp_path / "codec.json")
    assert load_codec(tmp_path).arithmetic == "dotpex"


def test_an_unknown_arithmetic_is_named(tmp_path: Path) -> None:
    save_codec(LANES, tmp_path)
    described = tmp_path / "codec.json"
    described.write_text(described.read_text().replace('"lanes"', '"wider"'))
    with pytest.raises(EdgeCodecError, match=r"codec.json: arithmetic: wider is not one of dotpex, lanes; update"):
        load_codec(tmp_path)
