"""Training by several processes, on one machine or many: ``torchrun --nproc-per-node 2 stages/train.py``.

Every process draws the same batch and takes its part of it through encoder and decoder. The quantizer's codebooks
follow what passes through them, so in every process it sees the latents of the whole batch, and the codebooks stay the
same everywhere. Gradients are averaged. So a step is that of one process, but for the order of sums.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
import torch.distributed
from torch import Tensor, nn

from edgecodec.model.quantizer import Quantized
from edgecodec.progress import progress

Item = TypeVar("Item")


@dataclass(frozen=True)
class Processes:
    """This process and those that train with it."""

    number: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process does what one alone must do: it evaluates, reports and saves."""
        return self.number == 0

    def part(self, items: int) -> slice:
        """Which of ``items``, a multiple of the processes, are this one's."""
        of_each = items // self.count
        return slice(self.number * of_each, (self.number + 1) * of_each)

    def share(self, module: nn.Module) -> None:
        """Give all processes the first one's parameters and buffers."""
        if self.count > 1:
            for value in module.state_dict().values():
                torch.distributed.broadcast(value, 0)

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by their means over all processes."""
        if self.count > 1:
            for tensor in tensors:
                torch.distributed.all_reduce(tensor)
                tensor /= self.count

    def agree(self, value: int) -> bool:
        """Whether ``value`` is the same in all processes."""
        if self.count == 1:
            return True
        return len(set(_gathered(torch.tensor([value]), self.count).tolist())) == 1

    def join_latents(self, quantizer: nn.Module) -> None:
        """Have ``quantizer``, while it learns, see the latents of all processes; what it returns is this one's part."""
        if self.count > 1:
            quantizer.register_forward_pre_hook(self._whole_batch)
            quantizer.register_forward_hook(self._own_part)

    def progress(self, items: Iterable[Item], title: str) -> Iterable[Item]:
        """``items``, with a bar that the first process shows."""
        return progress(items, title) if self.is_first else items

    def _whole_batch(self, quantizer: nn.Module, inputs: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor] | None:
        if not quantizer.training:
            return None
        latent, stages_sent = inputs
        latents = list(_gathered(latent.detach(), self.count).chunk(self.count))
        latents[self.number] = latent  # the part that has a gradient here
        return torch.cat(latents), _gathered(stages_sent, self.count)

    def _own_part(self, quantizer: nn.Module, inputs: tuple[Tensor, Tensor], found: Quantized) -> Quantized | None:
        if not quantizer.training:
            return None
        own = self.part(len(found.latent))
        latent = found.latent[own]
        return replace(found, latent=latent, regime=found.regime[own], words=found.words[own],
                       commitment=(inputs[0][own] - latent.detach()).square().mean())


@contextmanager
def joined_processes() -> Iterator[Processes]:
    """The processes that torchrun started; this one alone where it was not torchrun."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Processes()
        return
    torch.distributed.init_process_group("gloo")
    try:
        yield Processes(torch.distributed.get_rank(), torch.distributed.get_world_size())
    finally:
        torch.distributed.destroy_process_group()


def _gathered(tensor: Tensor, count: int) -> Tensor:
    """[n, ...] of every process, one after the other: [count * n, ...]."""
    parts: list[Any] = [torch.empty_like(tensor) for _ in range(count)]
    torch.distributed.all_gather(parts, tensor.contiguous())
    return torch.cat(parts)
