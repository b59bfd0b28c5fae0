"""The schedule of a training: warm-up, codebooks, joint training, decoder alone.

    start      normalisation; weights near a linear codec, for codecs edge and transform at the classical solution
    warm-up    encoder and decoder without quantizer and discriminator
    codebooks  k-means, stage after stage, on latents of many windows
    joint      everything, every item with a random number of stages
    coded      steps and tables for coded packets, if the codec has any
    decoder    encoder and quantizers stand still; packets of all kinds in turn

Training may lose to its start: where squared errors count, a classical solution is next to the optimum. So the phases
joint and decoder are each undone if training windows have a larger error after it than before.

A schedule may take no steps at all: a classical codec is done where others begin to learn. And so is one whose
codebooks are refitted: its networks are those of a trained codec, and stay as they are.

The schedule's recipe can leave out what makes this sound, to show what the paper's own recipe gives.

Every step draws its batch from a generator seeded by (seed, step): a training that was killed and resumed takes the
same steps as one that was not. Several processes can share the steps (:mod:`edgecodec.training.processes`).
"""

from __future__ import annotations

from edgecodec.same_bits import THREADS, settle_torch

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import gmean
from torch import Tensor, nn

from edgecodec import chosen
from edgecodec.data.offsets import ProfileExchange
from edgecodec.data.selection import spread
from edgecodec.data.windows import WindowSet
from edgecodec.errors import EdgeCodecError
from edgecodec.metrics import RELATIVE, errors
from edgecodec.model.codec import BATCH, Codec, Rebuilt, codec_from_params
from edgecodec.model.kind import Floats, WindowFormat
from edgecodec.model.kinds import KINDS
from edgecodec.model.paper import Discriminator
from edgecodec.packets.kind import PacketKind
from edgecodec.params import Params
from edgecodec.progress import progress
from edgecodec.storage import rounded
from edgecodec.training.checkpoint import load_checkpoint, save_checkpoint
from edgecodec.training.coded import fit_coded
from edgecodec.training.losses import CodecLoss, LossParts, discriminator_loss
from edgecodec.training.normalization import Normalization, normalization
from edgecodec.training.processes import Processes

FIT_WINDOWS = 2000  # for normalisation and linear fit
LATENT_BATCH = 500
JUDGED_WINDOWS = 1000  # training windows by which a phase is kept or undone
NO_STEPS = {"warmup_steps": 0, "joint_steps": 0, "decoder_steps": 0}
PROGRESS_WINDOWS = 96  # validation windows behind a point of the learning curve

ALONE = Processes()
Report = Callable[[int, dict[str, float]], None]


@dataclass(frozen=True)
class Phase:
    """Steps ``start`` to ``end`` (exclusive) of a training."""

    name: Literal["warm-up", "joint", "decoder"]
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class Start:
    """Of a phase, to which it is undone if it ends worse."""

    error: float  # as Trainer.error tells it
    codec: dict[str, Tensor]


@dataclass(frozen=True)
class NormalizedBatch:
    inputs: Tensor  # [n, channels, samples], unfiltered
    targets: Tensor  # [n, channels, samples], low-passed


@dataclass(frozen=True)
class Trained:
    codec: Codec
    history: list[dict[str, float]]  # a row per evaluation: step, loss parts, validation error per rate
    reseed_rate: list[float]  # per stage, mean share of codewords drawn anew per joint step
    linear_fit: dict[str, float]  # energy that the linear solution keeps, where training starts from one
    undone: list[str]  # phases that ended worse than they began


class Trainer:
    """One training of one codec on one pair of window sets.

    Args:
        checkpoints: folder where to leave progress, and to resume from if this very training left some.
        report: called with (step, metrics) at every evaluation, for live curves.
        processes: that take part in the training.
        networks: the trained codec whose codebooks are refitted; None: everything is trained.

    Raises:
        EdgeCodecError: there are too few windows, or unfit ones, or ``networks`` have another shape.
    """

    def __init__(self, params: Params, train: WindowSet, validation: WindowSet, checkpoints: Path,
                 report: Report = lambda step, metrics: None, processes: Processes = ALONE,
                 networks: Codec | None = None) -> None:
        _refuse_too_few(params, train)
        _refuse_gaps(train)
        _refuse_unshareable(params, processes)
        settle_torch()
        torch.set_num_threads(max(1, THREADS // processes.count))
        torch.manual_seed(params.seed)
        self.params, self.schedule = params, chosen.schedule(params)
        if networks is not None:
            self.schedule = self.schedule.model_copy(update=NO_STEPS)
        self.recipe, self.measure = self.schedule.recipe, chosen.measure(params)
        self.train, self.validation = train, validation
        self.report, self.processes = report, processes
        self.codec = codec_from_params(params, WindowFormat(
            tuple(train.channel_names), train.samples, train.sample_rate_hz, train.lowpass_hz))
        for module in self.codec.decoder.modules():
            if isinstance(module, nn.Dropout):
                module.p = self.recipe.decoder_dropout
        processes.join_latents(self.codec.quantizer)
        self.exchange = ProfileExchange.of_recordings(train)
        self.discriminator = Discriminator(train.channels) if self.schedule.loss.adversarial else None
        self.linear_fit = self._fit() if networks is None else self._take(networks)
        self.loss = CodecLoss(self._worth() if self.recipe.loss == "metric" else None, self.measure.metric.power)
        self.optimizers = {name: _optimizer(module) for name, module in self._modules().items()}
        self.checkpoint = checkpoints / f"{self._digest()[:16]}.pt"
        self.step = 0
        self.history: list[dict[str, float]] = []
        self.reseeded = torch.zeros(self.codec.quantizer.stages_of_rate[-1])
        self.before: Start | None = None  # of the phase that is taken
        self.undone: list[str] = []

    # -- the schedule --------------------------------------------------------------------------------------------

    @property
    def phases(self) -> tuple[Phase, Phase, Phase]:
        warmup_end = self.schedule.warmup_steps
        joint_end = warmup_end + self.schedule.joint_steps
        return (Phase("warm-up", 0, warmup_end), Phase("joint", warmup_end, joint_end),
                Phase("decoder", joint_end, joint_end + self.schedule.decoder_steps))

    @property
    def phase(self) -> Phase:
        """The phase of the next step."""
        return next(phase for phase in self.phases if self.step < phase.end)

    @property
    def end(self) -> int:
        return self.phases[-1].end

    @property
    def has_codebooks(self) -> bool:
        return self.step > self.schedule.warmup_steps or self.end == 0

    def run(self) -> Trained:
        """Take every step that is left and return the trained codec, which the first process has whole."""
        if self.checkpoint.exists():
            self._resume()
        if not self.processes.agree(self.step):
            raise EdgeCodecError(f"{self.checkpoint.parent}: the processes resume from different checkpoints; share "
                                 "the folder among all machines, or delete it on all")
        self.processes.share(self.codec)
        for phase in self.phases:
            if self.step == phase.start:
                self._begin(phase)
            for _ in self.processes.progress(range(self.step, phase.end), phase.name):
                parts = self._take_step()
                self.step += 1
                if self.step % self.schedule.evaluate_every == 0 or self.step == self.end:
                    self._evaluate(vars(parts))
                if self.step % self.schedule.checkpoint_every == 0 and self.processes.is_first:
                    self._save()
            if self.step == phase.end and self.before is not None:
                self._end(phase, self.before)
        if self.end == 0:  # no step was taken, and none has evaluated the codec
            self._evaluate({})
        self.codec.eval()
        return Trained(
            self.codec, self.history,
            [rounded(float(rate), 4) for rate in self.reseeded / max(1, self.schedule.joint_steps)],
            self.linear_fit,
            self.undone,
        )

    def _begin(self, phase: Phase) -> None:
        """Set what the phase takes as it is from what was trained before."""
        if phase.name == "warm-up":
            return
        if self.processes.is_first:
            if phase.name == "joint":
                self.initialize_codebooks()
            elif self.codec.coded is not None:
                fit_coded(self.codec, self._batches(), self._worth(), self.measure.metric.power)
        self.processes.share(self.codec)
        if phase.start < phase.end and self.recipe.start == "linear":
            codec = {name: value.clone() for name, value in self.codec.state_dict().items()}
            self.before = Start(self.error(phase), codec)

    def _end(self, phase: Phase, before: Start) -> None:
        """Undo the phase, if training windows are worse off: in all processes, since they have the same codec."""
        self.before = None
        if self.error(phase) > before.error:
            self.codec.load_state_dict(before.codec)
            self.optimizers["codec"] = _optimizer(self.codec)
            self.undone.append(phase.name)
            self._evaluate({})

    def error(self, phase: Phase) -> float:
        """Geometric mean of the errors at all rates of all packets that ``phase`` trains for, on training windows."""
        which = spread(self.train, JUDGED_WINDOWS)
        inputs, targets = self.train.inputs(which), self.train.targets(which)
        rebuilt = [self.codec.decode(indices, rate, kind)
                   for kind, indices in ((kind, self.codec.encode(inputs, kind)) for kind in self._kinds(phase))
                   for rate in self.codec.rates]
        return float(gmean([self.measure.error(each, targets) for each in rebuilt]))

    def _kinds(self, phase: Phase) -> list[PacketKind]:
        """Of packets that ``phase`` trains for: coded ones have nothing to be quantized by before the decoder phase."""
        return list(self.codec.quantizers) if phase.name == "decoder" else [PacketKind.FIXED_LENGTH]

    def learning_rate(self, step: int) -> float:
        """Along a cosine from the full rate to the recipe's final share of it."""
        start, end = 0, self.end
        if self.recipe.annealing == "phase":
            start, end = next((phase.start, phase.end) for phase in self.phases if step < phase.end)
        cosine = 0.5 * (1 + math.cos(math.pi * (step - start) / (end - start)))
        final = self.recipe.final_learning_rate
        return self.schedule.learning_rate * (final + (1 - final) * cosine)

    def _take_step(self) -> LossParts:
        generator = np.random.default_rng([self.params.seed, self.step])
        torch.manual_seed(int(generator.integers(2**31)))
        batch = self._draw(generator, self.schedule.batch)
        phase = self.phase.name
        self._set_modes(decoder_alone=phase == "decoder")
        own = self.processes.part(self.schedule.batch)
        targets, stages_sent = batch.targets[own], self._stages_sent(generator, self.schedule.batch)[own]
        kinds = self._kinds(self.phase)
        if kinds[self.step % len(kinds)] is PacketKind.CODED:
            rebuilt = self._from_coded(batch.inputs[own], self.codec.rates[self.step // 2 % len(self.codec.rates)])
        else:
            rebuilt = self.codec(batch.inputs[own], stages_sent, quantize=phase != "warm-up")
        # A discriminator costs twice the codec's time: it has nothing to say before there are codewords.
        discriminator = None if phase == "warm-up" else self.discriminator
        parts = self.loss(rebuilt, targets, discriminator)
        self._descend("codec", parts.total(self.schedule.loss), list(self.codec.parameters()))
        if discriminator is not None:
            self._descend("discriminator", discriminator_loss(discriminator, targets, rebuilt.windows),
                          list(discriminator.parameters()))
        if phase == "joint" and rebuilt.quantized is not None:
            self.reseeded += rebuilt.quantized.reseeded
        return parts

    def _from_coded(self, inputs: Tensor, rate: int) -> Rebuilt:
        """What a receiver of coded packets makes of normalised ``inputs`` [n, channels, samples]."""
        with torch.no_grad():
            indices = self.codec.quantizers[PacketKind.CODED].encode(self.codec.encoder(inputs))
            latent = self.codec.quantized_latents(indices, rate, PacketKind.CODED)
        return Rebuilt(self.codec.decoder(latent), None)

    def _set_modes(self, decoder_alone: bool) -> None:
        """In the decoder phase the codebooks stop following and the encoder stands still."""
        self.codec.train()
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
        self.processes.average(parameter.grad for parameter in parameters if parameter.grad is not None)
        if self.recipe.gradient_norm is not None:
            torch.nn.utils.clip_grad_norm_(parameters, self.recipe.gradient_norm)
        optimizer.step()

    # -- data ----------------------------------------------------------------------------------------------------

    def _draw(self, generator: np.random.Generator, count: int) -> NormalizedBatch:
        """Training windows at random offsets, some with another mean profile."""
        drawn = self.exchange.exchanged(generator, self.train.draw(generator, count), self.schedule.offset_augmentation)
        return NormalizedBatch(*(self.codec.normalize(torch.from_numpy(windows))
                                 for windows in (drawn.inputs, drawn.targets)))

    def _stages_sent(self, generator: np.random.Generator, count: int) -> Tensor:
        """Per item the stages of a random rate; without quantizer dropout those of the highest."""
        stages = np.array(self.codec.quantizer.stages_of_rate)
        if not self.recipe.quantizer_dropout:
            return torch.full((count,), int(stages[-1]))
        return torch.from_numpy(stages[generator.integers(len(stages), size=count)])

    # -- phases --------------------------------------------------------------------------------------------------

    def _take(self, networks: Codec) -> dict[str, float]:
        """Normalisation and weights of ``networks``."""
        self.unit = self._normalization(np.random.default_rng([self.params.seed, 2**31])).unit
        self.codec.load_state_dict(networks.state_dict())
        return {}

    def _normalization(self, generator: np.random.Generator) -> Normalization:
        drawn = self.train.draw(generator, min(FIT_WINDOWS, 4 * len(self.train)))
        return normalization(drawn, self.train.channel_names, self.measure)

    def _fit(self) -> dict[str, float]:
        """Normalisation from the data, and weights from which training starts."""
        generator = np.random.default_rng([self.params.seed, 2**31])
        found = self._normalization(generator)
        self.unit = found.unit
        if self.recipe.normalize:
            self.codec.offset.copy_(torch.from_numpy(found.offset))
            self.codec.scale.copy_(torch.from_numpy(found.scale))
        if self.recipe.start == "random":
            return {}

        def draw() -> tuple[Floats, Floats]:
            batch = self._draw(generator, min(FIT_WINDOWS, 4 * len(self.train)))
            return batch.inputs.numpy(), batch.targets.numpy()

        return KINDS[self.params.codec].start(self.codec.encoder, self.codec.decoder, draw)

    def _worth(self) -> Tensor:
        return 1 / (self.codec.scale * torch.from_numpy(self.unit).float())

    @torch.no_grad()
    def initialize_codebooks(self) -> None:
        """K-means, stage after stage, on latents of many windows."""
        self.codec.eval()
        latents = []
        for number in progress(range(math.ceil(self.schedule.codebook_windows / LATENT_BATCH)), "latents"):
            generator = np.random.default_rng([self.params.seed, 2**31 + 1, number])
            count = min(LATENT_BATCH, self.schedule.codebook_windows - number * LATENT_BATCH)
            latents.append(self.codec.encoder(self._codebook_inputs(generator, count)))
        torch.manual_seed(self.params.seed)
        self.codec.quantizer.initialize(torch.cat(latents), self.schedule.batch,
                                        lambda stages: progress(stages, "codebooks"))

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """As many windows, and their targets, as the codebooks were set from, but others."""
        for number in progress(range(math.ceil(self.schedule.codebook_windows / LATENT_BATCH)), "latents"):
            batch = self._draw(np.random.default_rng([self.params.seed, 2**31 + 2, number]), LATENT_BATCH)
            yield batch.inputs, batch.targets

    def _codebook_inputs(self, generator: np.random.Generator, count: int) -> Tensor:
        """Normalised windows [n, channels, samples], or noise in their place."""
        if self.recipe.codebook_source == "windows":
            return self._draw(generator, count).inputs
        return torch.from_numpy(generator.random((count, self.train.channels, self.train.samples), dtype=np.float32))

    # -- progress ------------------------------------------------------------------------------------------------

    def _evaluate(self, parts: Mapping[str, Tensor]) -> None:
        losses = {f"loss_{name}": part.detach().clone() for name, part in parts.items()}
        self.processes.average(losses.values())
        if not self.processes.is_first:
            return
        which = np.random.default_rng(0).permutation(len(self.validation))[:PROGRESS_WINDOWS]
        targets = self.validation.targets(which)
        row = {"step": float(self.step)}
        row |= {name: rounded(float(loss)) for name, loss in losses.items()}
        fields = dict.fromkeys((RELATIVE.field, self.measure.metric.field))
        for name, rebuilt in self._rebuilt(self.validation.inputs(which)).items():
            found = errors(rebuilt, targets, tolerance=self.measure.tolerance)
            row |= {f"{field}_{name}": rounded(getattr(found, field)) for field in fields}
        self.history.append(row)
        self.report(self.step, row)

    def _rebuilt(self, inputs: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """``inputs`` as a receiver sees them at every rate; in the warm-up, without quantizer."""
        if self.has_codebooks:
            indices = self.codec.encode(inputs)
            return {f"rate{rate}": self.codec.decode(indices, rate) for rate in self.codec.rates}
        return {"unquantized": autoencoded(self.codec, inputs)}

    def _modules(self) -> dict[str, nn.Module]:
        modules: dict[str, nn.Module] = {"codec": self.codec}
        return modules if self.discriminator is None else {**modules, "discriminator": self.discriminator}

    def _parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        return {**self._modules(), **{f"{name}_optimizer": each for name, each in self.optimizers.items()}}

    def _save(self) -> None:
        progress = {"step": self.step, "history": self.history, "reseeded": self.reseeded, "undone": self.undone,
                    "before": None if self.before is None else vars(self.before)}
        save_checkpoint(self.checkpoint, self._digest(), progress, self._parts())

    def _resume(self) -> None:
        progress = load_checkpoint(self.checkpoint, self._digest(), self._parts())
        self.step, self.history, self.reseeded = progress["step"], progress["history"], progress["reseeded"]
        self.undone, before = progress["undone"], progress["before"]
        self.before = None if before is None else Start(**before)

    def _digest(self) -> str:
        """Of everything that a training depends on: parameters, and the data by what was fitted to it."""
        digest = hashlib.sha256(f"{self.params.seed} {self.params.codec} {self.params.window} {self.schedule}".encode())
        digest.update(str(self.measure).encode())
        digest.update(f"{self.params.codecs} {self.codec.window} {len(self.train)}".encode())
        digest.update(self.codec.offset.numpy().tobytes() + self.codec.scale.numpy().tobytes())
        return digest.hexdigest()


def _optimizer(module: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(module.parameters(), betas=(0.9, 0.99))


@torch.no_grad()
def autoencoded(codec: Codec, windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the codec makes of ``windows`` [n, channels, samples] with its quantizer left out: its floor."""
    codec.eval()
    rebuilt = [codec(codec.normalize(batch), None, quantize=False).windows / codec.scale[:, None]
               + codec.offset[:, None] for batch in torch.split(torch.from_numpy(windows), BATCH)]
    return cast(NDArray[np.float32], torch.cat(rebuilt).numpy())


def _refuse_too_few(params: Params, train: WindowSet) -> None:
    codewords, schedule = chosen.sizes(params).codewords, chosen.schedule(params)
    if schedule.recipe.codebook_source == "windows" and schedule.codebook_windows < codewords:
        raise EdgeCodecError(f"params.yaml: train.{params.codec}.codebook_windows: "
                             f"{schedule.codebook_windows} windows cannot fill {codewords} codewords")
    if len(train) == 0:
        raise EdgeCodecError("artifacts/windows/train: no window; look at artifacts/validation for excluded recordings")


def _refuse_unshareable(params: Params, processes: Processes) -> None:
    schedule = chosen.schedule(params)
    if schedule.batch % processes.count:
        raise EdgeCodecError(f"params.yaml: train.{params.codec}.batch: {schedule.batch} windows cannot be "
                             f"shared out evenly among {processes.count} processes")
    if processes.count > 1 and schedule.recipe.loss == "sum":
        raise EdgeCodecError(f"params.yaml: train.{params.codec}.recipe.loss: a sum over windows is not the mean of "
                             "its parts; train with one process, or set it to metric")


def _refuse_gaps(train: WindowSet) -> None:
    for values in (train.input_rows, train.target_rows):
        finite = np.isfinite(values).all(axis=0)  # [channels]
        if not finite.all():
            raise EdgeCodecError(f"artifacts/windows/train: channel {train.channel_names[int(finite.argmin())]} holds "
                                 "NaN or Inf; run the stages validate and window again")
