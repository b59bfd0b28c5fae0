"""Several processes train what one trains: losses, errors and weights are the same but for the order of sums."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from safetensors.torch import load_file

from edgecodec.data.windows import WindowSet
from edgecodec.errors import EdgeCodecError
from edgecodec.model.kinds import KINDS
from edgecodec.params import Params
from edgecodec.storage import read_json
from edgecodec.training.loop import Trainer
from edgecodec.training.processes import Processes

TOLERANCE = 1e-3  # of losses, errors and weights, relative: near ties may fall to another codeword


def train(folder: Path, params: Params, windows: Path, repository: Path, *launcher: str) -> Path:
    """Run the stage in ``folder``; the model's weights."""
    (folder / "artifacts").mkdir(parents=True)
    (folder / "artifacts" / "windows").symlink_to(windows)
    (folder / "params.yaml").write_text(yaml.safe_dump(params.model_dump(mode="json", by_alias=True)))
    environment = {**os.environ, "PYTHONPATH": str(repository / "src"), "OMP_WAIT_POLICY": "PASSIVE"}
    finished = subprocess.run([sys.executable, *launcher, repository / "stages" / "train.py"], cwd=folder,
                              env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr[-3000:]
    return folder / "artifacts" / "model" / "model.safetensors"


@pytest.mark.slow
@pytest.mark.parametrize("codec", KINDS)
def test_two_processes_train_the_same_codec_as_one(codec: str, small_params: Params, small_windows: Path,
                                                   repository: Path, tmp_path: Path) -> None:
    params = small_params.model_copy(update={"codec": codec})
    one = Trainer(params, *(WindowSet.open(small_windows / split) for split in ("train", "validation")),
                  tmp_path / "one").run()
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    weights = load_file(train(tmp_path / "two", params, small_windows, repository, *torchrun))

    history = read_json(tmp_path / "two/artifacts/metrics/training.json")["history"]
    assert len(history) == len(one.history) > 0
    for alone, together in zip(one.history, history, strict=True):
        assert together == pytest.approx(alone, rel=TOLERANCE)
    decoder = {name: value for name, value in one.codec.state_dict().items() if name.startswith("decoder.")}
    apart = math.hypot(*(float((weights[name] - value).norm()) for name, value in decoder.items()))
    assert apart < TOLERANCE * math.hypot(*(float(value.norm()) for value in decoder.values()))


@pytest.mark.parametrize(("codec", "change", "count", "told"), [
    ("edge", {}, 3, "train.edge.batch: 16 windows cannot be shared out evenly among 3 processes"),
    ("paper", {"loss": "sum"}, 2, "train.paper.recipe.loss: a sum over windows is not the mean of its parts"),
])
def test_what_cannot_be_shared_out_is_refused(codec: str, change: dict[str, str], count: int, told: str,
                                              small_params: Params, small_windows: Path, tmp_path: Path) -> None:
    content = small_params.model_dump(mode="json", by_alias=True)
    content["codec"] = codec
    content["train"]["paper"]["recipe"].update(change)
    sets = (WindowSet.open(small_windows / split) for split in ("train", "validation"))
    with pytest.raises(EdgeCodecError, match=told):
        Trainer(Params.model_validate(content), *sets, tmp_path, processes=Processes(0, count))
