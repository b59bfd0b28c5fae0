"""Codebooks follow the data alone: networks stay to the bit, drifted windows err less, and no step is taken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from edgecodec.data.windows import WindowSet
from edgecodec.errors import EdgeCodecError
from edgecodec.evaluation.slow_drifts import FASTER
from edgecodec.metrics import errors
from edgecodec.model.codec import Codec, save_model
from edgecodec.packets.kind import PacketKind
from edgecodec.params import Params
from edgecodec.training.loop import Trainer
from edgecodec.training.refitting import networks_to_keep, refuse_other_shape


def drifted(windows: WindowSet) -> WindowSet:
    """As at a wind that is faster than its table says."""
    return replace(windows, input_rows=windows.input_rows * np.float32(FASTER**2),
                   target_rows=windows.target_rows * np.float32(FASTER**2))


def refitting(params: Params, model: Path) -> Params:
    return params.model_copy(update={"train": params.train.model_copy(update={"refit": "codebooks", "model": model})})


def error(codec: Codec, windows: WindowSet, kind: PacketKind) -> float:
    rebuilt = codec.decode(codec.encode(windows.inputs(), kind), codec.rates[-1], kind)
    return errors(rebuilt, windows.targets()).error_percent


def test_networks_stay_and_drifted_windows_err_less(small_params: Params, codec: Codec, train: WindowSet,
                                                    validation: WindowSet, tmp_path: Path) -> None:
    save_model(codec, small_params, tmp_path / "model")
    params = refitting(small_params, tmp_path / "model")
    new, held_out = drifted(train), drifted(validation)
    trained = Trainer(params, new, held_out, tmp_path, networks=networks_to_keep(params, new)).run()
    assert [row["step"] for row in trained.history] == [0]

    refitted = trained.codec
    before, after = codec.state_dict(), refitted.state_dict()
    for name in before:
        if not name.startswith(("quantizer.", "coded.")):
            assert torch.equal(before[name], after[name]), name
    for kind in codec.quantizers:
        assert error(refitted, held_out, kind) < 0.95 * error(codec, held_out, kind)


@pytest.mark.parametrize(("section", "changes", "told"), [
    ("edge", {"coefficients": 38}, r"codecs\.edge\.coefficients is 40 there and 38 now"),
    ("edge", {"regimes": 4}, r"codecs\.edge\.regimes is 2 there and 4 now"),
])
def test_another_shape_is_refused_with_the_reason(small_params: Params, codec: Codec, tmp_path: Path, section: str,
                                                  changes: dict[str, int], told: str) -> None:
    save_model(codec, small_params, tmp_path)
    sizes = small_params.codecs.edge.model_copy(update=changes)
    other = small_params.model_copy(update={"codecs": small_params.codecs.model_copy(update={section: sizes})})
    with pytest.raises(EdgeCodecError, match=f"{told}; make them equal, or set train.refit to all"):
        refuse_other_shape(tmp_path, other)


def test_windows_of_another_array_are_refused(small_params: Params, codec: Codec, train: WindowSet,
                                              tmp_path: Path) -> None:
    save_model(codec, small_params, tmp_path)
    other = replace(train, description=train.description.model_copy(update={"sample_rate_hz": 50.0}))
    with pytest.raises(EdgeCodecError, match=r"sample_rate_hz is 100\.0 there and 50\.0 now"):
        networks_to_keep(refitting(small_params, tmp_path), other)
