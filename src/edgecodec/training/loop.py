"""The schedule of a training: warm-up, codebooks, joint training, decoder alone.

    fit        normalisation; for codec edge every linear layer at its classical solution
    warm-up    encoder and decoder without quantizer and discriminator
    codebooks  k-means, stage after stage, on latents of many windows
    joint      everything, every item with a random number of stages
    decoder    encoder and codebooks stand still

Every step draws its batch from a generator seeded by (seed, step): a training that was killed and resumed takes the
same steps as one that was not.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from edgecodec.data.windows import WindowSet
from edgecodec.errors import EdgeCodecError
from edgecodec.evaluation.metrics import errors
from edgecodec.model.codec import Codec, WindowFormat, codec_from_params
from edgecodec.model.edge import EdgeDecoder, EdgeEncoder, fit_to
from edgecodec.model.paper import Discriminator
from edgecodec.params import Params
from edgecodec.progress import progress
from edgecodec.storage import rounded
from edgecodec.training.checkpoint import load_checkpoint, save_checkpoint
from edgecodec.training.losses import CodecLoss, LossParts, discriminator_loss
from edgecodec.training.offsets import ProfileExchange

THREADS = 2  # fixed, whatever the machine has: sums are split over threads, and their order is part of the result
FIT_WINDOWS = 2000  # for normalisation and linear fit
LATENT_BATCH = 500
GRADIENT_NORM = 5.0
PROGRESS_WINDOWS = 96  # validation windows behind a point of the learning curve

Report = Callable[[int, dict[str, float]], None]


@dataclass(frozen=True)
class NormalizedBatch:
    inputs: Tensor  # [n, channels, samples], unfiltered
    targets: Tensor  # [n, channels, samples], low-passed


@dataclass(frozen=True)
class Trained:
    codec: Codec
    history: list[dict[str, float]]  # a row per evaluation: step, loss parts, validation error per rate
    reseed_rate: list[float]  # per stage, mean share of codewords drawn anew per joint step
    linear_fit: dict[str, float]  # codec edge: energy that the linear solution keeps


class Trainer:
    """One training of one codec on one pair of window sets.

    Args:
        checkpoints: folder where to leave progress, and to resume from if this very training left some.
        report: called with (step, metrics) at every evaluation, for live curves.
    """

    def __init__(self, params: Params, train: WindowSet, validation: WindowSet, checkpoints: Path,
                 report: Report = lambda step, metrics: None) -> None:
        _refuse_too_few(params, train)
        torch.set_num_threads(THREADS)
        torch.use_deterministic_algorithms(True)
        torch.manual_seed(params.seed)
        self.params, self.schedule = params, params.training
        self.train, self.validation = train, validation
        self.report = report
        self.codec = codec_from_params(params, WindowFormat(
            tuple(train.channel_names), train.samples, train.sample_rate_hz, train.lowpass_hz))
        self.exchange = _fit_exchange(train)
        self.discriminator = Discriminator(train.channels) if self.schedule.loss.adversarial else None
        self.linear_fit = self._fit()
        self.loss = CodecLoss(self._relative())
        self.optimizers = self._optimizers()
        self.checkpoint = checkpoints / f"{self._digest()[:16]}.safetensors"
        self.step = 0
        self.history: list[dict[str, float]] = []
        self.reseeded = torch.zeros(len(self.codec.quantizer.stages))

    # -- the schedule --------------------------------------------------------------------------------------------

    @property
    def warmup_end(self) -> int:
        return self.schedule.warmup_steps

    @property
    def joint_end(self) -> int:
        return self.warmup_end + self.schedule.joint_steps

    @property
    def end(self) -> int:
        return self.joint_end + self.schedule.decoder_steps

    def run(self) -> Trained:
        """Take every step that is left and return the trained codec."""
        if self.checkpoint.exists():
            self._resume()
        for phase, end in (("warm-up", self.warmup_end), ("joint", self.joint_end), ("decoder", self.end)):
            if phase == "joint" and self.step == self.warmup_end:
                self._initialize_codebooks()
            for _ in progress(range(self.step, end), phase):
                parts = self._take_step()
                self.step += 1
                if self.step % self.schedule.evaluate_every == 0 or self.step == self.end:
                    self._evaluate(parts)
                if self.step % self.schedule.checkpoint_every == 0:
                    self._save()
        self.codec.eval()
        return Trained(
            self.codec, self.history,
            [rounded(float(rate), 4) for rate in self.reseeded / max(1, self.schedule.joint_steps)],
            self.linear_fit,
        )

    @property
    def phase(self) -> str:
        if self.step < self.warmup_end:
            return "warm-up"
        return "joint" if self.step < self.joint_end else "decoder"

    def learning_rate(self, step: int) -> float:
        """Cosine from the full rate to a hundredth, anew in every phase."""
        borders = (0, self.warmup_end, self.joint_end, self.end)
        start, end = next((start, end) for start, end in pairwise(borders) if start <= step < end)
        cosine = 0.5 * (1 + math.cos(math.pi * (step - start) / (end - start)))
        return self.schedule.learning_rate * (0.01 + 0.99 * cosine)

    def _take_step(self) -> LossParts:
        generator = np.random.default_rng([self.params.seed, self.step])
        torch.manual_seed(int(generator.integers(2**31)))
        batch = self._draw(generator, self.schedule.batch)
        self._set_modes()
        rebuilt = self.codec(batch.inputs, self._stages_sent(generator, len(batch.inputs)),
                             quantize=self.phase != "warm-up")
        # A discriminator costs twice the codec's time: it has nothing to say before there are codewords.
        discriminator = None if self.phase == "warm-up" else self.discriminator
        parts: LossParts = self.loss(rebuilt, batch.targets, discriminator)
        self._descend("codec", parts.total(self.schedule.loss), list(self.codec.parameters()))
        if discriminator is not None:
            self._descend("discriminator", discriminator_loss(discriminator, batch.targets, rebuilt.windows),
                          list(discriminator.parameters()))
        if self.phase == "joint" and rebuilt.quantized is not None:
            self.reseeded += rebuilt.quantized.reseeded
        return parts

    def _set_modes(self) -> None:
        """In the decoder phase the codebooks stop following and the encoder stands still."""
        self.codec.train()
        decoder_alone = self.phase == "decoder"
        self.codec.quantizer.train(not decoder_alone)
        self.codec.encoder.requires_grad_(not decoder_alone)

    def _descend(self, name: str, loss: Tensor, parameters: list[Tensor]) -> None:
        optimizer = self.optimizers[name]
        for group in optimizer.param_groups:
            group["lr"] = self.learning_rate(self.step)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if not torch.isfinite(loss):
            raise EdgeCodecError(f"training: the loss is {loss.item()} at step {self.step}; "
                                 "lower train.*.learning_rate in params.yaml")
        torch.nn.utils.clip_grad_norm_(parameters, GRADIENT_NORM)
        optimizer.step()

    # -- data ----------------------------------------------------------------------------------------------------

    def _draw(self, generator: np.random.Generator, count: int) -> NormalizedBatch:
        """Training windows at random offsets, some with another mean profile."""
        drawn = self.train.draw(generator, count)
        shift = self.exchange.shifts(generator, drawn.targets.mean(axis=-1, dtype=np.float64), drawn.wind,
                                     self.schedule.offset_augmentation)[..., None]  # [n, channels, 1]
        return NormalizedBatch(self.codec.normalize(torch.from_numpy(drawn.inputs + shift)),
                               self.codec.normalize(torch.from_numpy(drawn.targets + shift)))

    def _stages_sent(self, generator: np.random.Generator, count: int) -> Tensor:
        """Per item the stages of a random rate."""
        stages = np.array(self.codec.quantizer.stages_of_rate)
        return torch.from_numpy(stages[generator.integers(len(stages), size=count)])

    # -- phases --------------------------------------------------------------------------------------------------

    def _fit(self) -> dict[str, float]:
        """Normalisation from the data; then, for codec edge, the linear solution."""
        generator = np.random.default_rng([self.params.seed, 2**31])
        drawn = self.train.draw(generator, min(FIT_WINDOWS, 4 * len(self.train)))
        self.magnitude = np.abs(drawn.targets).mean(axis=(0, 2), dtype=np.float64)  # [channels]
        noise = (drawn.inputs - drawn.targets).std(axis=(0, 2), dtype=np.float64)  # [channels]
        constant = np.flatnonzero(~((self.magnitude > 0) & (noise > 0)))
        if len(constant):
            raise EdgeCodecError(f"artifacts/windows: channel {self.train.channel_names[constant[0]]} is constant in "
                                 "the training windows; leave it out of the preset or of data.array.channels")
        # Squared errors of such normalised channels add up to the relative error that is measured, to first order
        # about the noise floor, which is what the codec's own error comes near to.
        weight = 1 / np.sqrt(self.magnitude * noise)
        spread = (drawn.targets * weight[:, None]).std(dtype=np.float64)
        self.codec.offset.copy_(torch.from_numpy(drawn.targets.mean(axis=(0, 2), dtype=np.float64)))
        self.codec.scale.copy_(torch.from_numpy(weight / spread))
        if not (isinstance(self.codec.encoder, EdgeEncoder) and isinstance(self.codec.decoder, EdgeDecoder)):
            return {}
        batch = self._draw(generator, min(FIT_WINDOWS, 4 * len(self.train)))
        fit = fit_to(self.codec.encoder, self.codec.decoder, batch.inputs.numpy(), batch.targets.numpy())
        return {key: rounded(value) for key, value in vars(fit).items()}

    def _relative(self) -> Tensor:
        return 1 / (self.codec.scale * torch.from_numpy(self.magnitude).float())

    @torch.no_grad()
    def _initialize_codebooks(self) -> None:
        self.codec.eval()
        latents = []
        for number in progress(range(math.ceil(self.schedule.codebook_windows / LATENT_BATCH)), "latents"):
            generator = np.random.default_rng([self.params.seed, 2**31 + 1, number])
            count = min(LATENT_BATCH, self.schedule.codebook_windows - number * LATENT_BATCH)
            latents.append(self.codec.encoder(self._draw(generator, count).inputs))
        torch.manual_seed(self.params.seed)
        self.codec.quantizer.initialize(torch.cat(latents), lambda stages: progress(stages, "codebooks"))

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {name: torch.optim.Adam(module.parameters(), betas=(0.9, 0.99))
                for name, module in self._modules().items()}

    # -- progress ------------------------------------------------------------------------------------------------

    def _evaluate(self, parts: LossParts) -> None:
        which = np.random.default_rng(0).permutation(len(self.validation))[:PROGRESS_WINDOWS]
        targets = self.validation.targets(which)
        row = {"step": float(self.step)}
        row |= {f"loss_{name}": rounded(float(part.detach())) for name, part in vars(parts).items()}
        if self.step > self.warmup_end:  # before, there are no codebooks
            indices = self.codec.encode(self.validation.inputs(which))
            for rate in self.codec.rates:
                table = errors(self.codec.decode(indices, rate), targets, self.validation.wind[which])
                row[f"error_percent_rate{rate}"] = rounded(table.error_percent)
        self.history.append(row)
        self.report(self.step, row)

    def _modules(self) -> dict[str, nn.Module]:
        modules: dict[str, nn.Module] = {"codec": self.codec}
        return modules if self.discriminator is None else {**modules, "discriminator": self.discriminator}

    def _named_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {f"{name}_optimizer": optimizer for name, optimizer in self.optimizers.items()}

    def _save(self) -> None:
        state: dict[str, Any] = {"step": self.step, "history": self.history, "reseeded": self.reseeded.tolist()}
        save_checkpoint(self.checkpoint, self._digest(), state, self._modules(), self._named_optimizers())

    def _resume(self) -> None:
        state = load_checkpoint(self.checkpoint, self._digest(), self._modules(), self._named_optimizers())
        self.step, self.history = state["step"], state["history"]
        self.reseeded = torch.tensor(state["reseeded"])

    def _digest(self) -> str:
        """Of everything that a training depends on: parameters, and the data by what was fitted to it."""
        digest = hashlib.sha256(f"{self.params.seed} {self.params.codec} {self.params.window} {self.schedule}".encode())
        digest.update(f"{self.params.codecs} {self.codec.window} {len(self.train)}".encode())
        digest.update(self.codec.offset.numpy().tobytes() + self.codec.scale.numpy().tobytes())
        return digest.hexdigest()


def _refuse_too_few(params: Params, train: WindowSet) -> None:
    codewords = params.codecs.edge.codewords if params.codec == "edge" else params.codecs.paper.codewords
    if params.training.codebook_windows < codewords:
        raise EdgeCodecError(f"params.yaml: train.{params.codec}.codebook_windows: "
                             f"{params.training.codebook_windows} windows cannot fill {codewords} codewords")
    if len(train) == 0:
        raise EdgeCodecError("artifacts/windows/train: no window; look at artifacts/validation for excluded recordings")


def _fit_exchange(train: WindowSet) -> ProfileExchange:
    """From one window in the middle of every recording."""
    _, first = np.unique(train.recording, return_index=True)
    profiles = train.targets(first).mean(axis=-1, dtype=np.float64)
    return ProfileExchange.fit(profiles, train.wind[first])
