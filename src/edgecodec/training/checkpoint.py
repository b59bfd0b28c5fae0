"""Checkpoints: the states of models and optimizers, and how far a training is. Loading one runs no code in it.

A checkpoint belongs to one state of parameters and data, named by its digest; another one is never resumed from.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from edgecodec.errors import EdgeCodecError, naming
from edgecodec.storage import replacing_file

Parts = Mapping[str, nn.Module | torch.optim.Optimizer]


def save_checkpoint(path: Path, digest: str, progress: dict[str, Any], parts: Parts) -> None:
    """Write the states of ``parts`` and ``progress`` (numbers, lists, tensors) to ``path``, wholly or not at all."""
    states = {name: part.state_dict() for name, part in parts.items()}
    with replacing_file(path) as temporary:
        torch.save({"digest": digest, "progress": progress, "states": states}, temporary)


def load_checkpoint(path: Path, digest: str, parts: Parts) -> dict[str, Any]:
    """Restore what :func:`save_checkpoint` wrote and return its ``progress``.

    Raises:
        EdgeCodecError: the file is damaged, or was written for other parameters or data.
    """
    with naming(path, "damaged checkpoint", "delete it to train from the start"):
        saved = torch.load(path, weights_only=True)
        found, states, progress = saved["digest"], saved["states"], dict(saved["progress"])
    if found != digest:
        raise EdgeCodecError(f"{path}: checkpoint of other parameters or data; delete it to train from the start")
    for name, part in parts.items():
        part.load_state_dict(states[name])
    return progress
