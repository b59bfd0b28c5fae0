"""The study repeat_training, on the small twin: errors on parts of the training recordings that were held out."""

from pathlib import Path

import pytest

from edgecodec.data.windows import WindowSet
from edgecodec.evaluation.rate_distortion import CODEC
from edgecodec.metrics import BY_RELATIVE
from edgecodec.params import Params
from stages import repeat_training as study


def test_every_fold_has_an_error_of_its_own(
        small_params: Params, train: WindowSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    params = small_params.model_copy(update={
        "codec": "transform", "repeat": small_params.repeat.model_copy(update={"folds": 3})})
    found = list(study.errors_of_folds(params, train, BY_RELATIVE))
    assert len({curves[CODEC].by_rate[1].errors.error_percent for curves in found}) == 3
    told = study.spreads(found, BY_RELATIVE.metric)[CODEC]["1"]
    assert told["least"] < told["mean"] < told["largest"] < 10
