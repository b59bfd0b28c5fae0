"""Checkpoints that hold no pickle: every tensor of models and optimizers in one safetensors file, the rest as JSON.

A checkpoint belongs to one state of parameters and data, named by its digest; another one is never resumed from.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from edgecodec.errors import EdgeCodecError
from edgecodec.storage import replacing_file


def save_checkpoint(path: Path, digest: str, progress: dict[str, Any], modules: dict[str, nn.Module],
                    optimizers: dict[str, torch.optim.Optimizer]) -> None:
    """Write modules, optimizer moments and ``progress`` (JSON) to ``path``, wholly or not at all."""
    tensors: dict[str, Tensor] = {}
    for name, module in modules.items():
        tensors |= {f"{name}/{key}": value.clone() for key, value in module.state_dict().items()}
    for name, optimizer in optimizers.items():
        for number, moments in optimizer.state_dict()["state"].items():
            tensors |= {f"{name}/{number}/{key}": torch.as_tensor(value).clone() for key, value in moments.items()}
    with replacing_file(path) as temporary:
        save_file(tensors, temporary, metadata={"digest": digest, "progress": json.dumps(progress)})


def load_checkpoint(path: Path, digest: str, modules: dict[str, nn.Module],
                    optimizers: dict[str, torch.optim.Optimizer]) -> dict[str, Any]:
    """Restore what :func:`save_checkpoint` wrote and return its ``progress``.

    Raises:
        EdgeCodecError: the file is damaged, or was written for other parameters or data.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except Exception as error:  # safetensors raises its own, undocumented kind
        raise EdgeCodecError(f"{path}: damaged checkpoint ({error}); delete it to train from the start") from None
    if metadata["digest"] != digest:
        raise EdgeCodecError(f"{path}: checkpoint of other parameters or data; delete it to train from the start")
    for name, module in modules.items():
        module.load_state_dict(_under(tensors, name))
    for name, optimizer in optimizers.items():
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in _under(tensors, name).items():
            number, moment = key.split("/")
            state.setdefault(int(number), {})[moment] = value
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    progress: dict[str, Any] = json.loads(metadata["progress"])
    return progress


def _under(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    prefix = f"{name}/"
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
