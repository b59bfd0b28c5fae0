"""``params.yaml`` as frozen, typed objects. An unknown or missing key is an error, never a silent default.

Nothing here has a value or computes one: dvc.yaml says which settings a stage depends on, so no stage depends on this
file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError, model_validator

from edgecodec.errors import EdgeCodecError
from edgecodec.metrics import MetricName

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]
EvenCount = Annotated[int, Field(ge=2, multiple_of=2)]
Codewords = Annotated[int, Field(ge=2, le=65536)]
Rates = Annotated[int, Field(ge=1, le=16)]
Band = tuple[int, int, int]  # first cosine bin, end bin, spatial modes kept
Value = TypeVar("Value")
# What params.yaml may leave open: ``auto``, here None. The stage design closes it (:mod:`edgecodec.designed`).
Open = Annotated[Value | None, BeforeValidator(lambda value: None if value == "auto" else value),
                 PlainSerializer(lambda value: "auto" if value is None else value)]
RivalName = Literal["means", "klt_dct", "klt_dct_plain", "joint_rvq", "sz3_abs", "sz3_rel", "sz3_abs_rel", "zfp"]
CompilerName = Literal["zig", "clang-19", "gcc"]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


AnySection = TypeVar("AnySection", bound=Section)


class TwinParams(Section):
    """The AeroSense simulator."""

    sessions: Annotated[int, Field(ge=1, le=8)]  # each: 24 conditions x repeats; 8 keep run numbers at three digits
    repeats: Annotated[int, Field(ge=2, le=3)]  # repeat 3 (the last one) validates
    seconds: Annotated[float, Field(ge=12)]  # length of a wind run
    angle_of_attack: Literal[0, 8]


class LongParams(Section):
    """A table with a value per row: which columns say the channel, and the value."""

    channel: str
    value: str


class LabelParams(Section):
    """Where labels of recordings come from: machine, subject, load. Reports and splits can go by them."""

    file: str | None  # a CSV table in data.path: a column recording, and one for every label
    pattern: str | None  # sought in every recording's name, its path without ending: named groups are labels

    @model_validator(mode="after")
    def _pattern_names_labels(self) -> LabelParams:
        try:
            groups = None if self.pattern is None else re.compile(self.pattern).groupindex
        except re.error as error:
            raise ValueError(f"pattern {self.pattern} is no regular expression ({error}); correct it") from None
        if groups is not None and not groups:
            raise ValueError(f"pattern {self.pattern} has no named group; name labels: (?P<subject>...)")
        return self


class ArrayParams(Section):
    """Any other sensor array: a folder of recordings. ``edgecodec inspect`` shows what is understood of them."""

    sample_rate_hz: Positive
    channels: tuple[str, ...] | Count  # names (columns), or how many to take
    first_channel: Annotated[int, Field(ge=0)]  # where to start, for recordings without names
    time: str  # auto, none, or the name or number of the column
    time_unit: Literal["auto", "s", "ms", "us", "ns"]  # auto: by heading, size since 1970, or sample_rate_hz
    recording_column: str | None  # whose values tell recordings in one file apart
    long: LongParams | None
    variable: str | None  # array, group or signal of files that hold several (npz, HDF5, MATLAB, TDMS, EDF)
    labels: LabelParams
    missing: tuple[float, ...]  # values that stand for a missing sample
    resample: Literal["never", "rates", "stamps"]  # rates: other rates to sample_rate_hz; stamps: uneven times, too
    copies: Literal["refuse", "report"]  # what happens when training and validation share samples
    split_by: str | None  # a label: none of its values both trains and validates; null: by recording
    validating: tuple[str, ...]  # values of split_by; none: the last in natural order
    validation_fraction: Annotated[float, Field(gt=0, lt=1)]  # of recordings, or values; of one recording: its end
    gap_seconds: Annotated[float, Field(ge=0)]  # left out between training and validation of a single recording


class FieldParams(Section):
    """What nodes sent, beside the recordings of the source: values as windows hold them."""

    path: Path | None  # a folder that `edgecodec fleet windows` filled; null: none
    share: Annotated[float, Field(gt=0, lt=1)]  # of the windows that trainings draw at random


class DataParams(Section):
    source: Literal["twin", "aerosense", "array", "field"]
    path: Path | None  # folder or zip (aerosense), folder (array, field); null for the twin
    field: FieldParams
    twin: TwinParams
    array: ArrayParams


class ValidateParams(Section):
    on_bad_recording: Literal["exclude", "stop"]
    sample_rate_tolerance: Fraction  # of the nominal sample period
    largest_gap_seconds: Positive
    largest_lost_fraction: Fraction  # of the samples that a recording's time stamps span
    flat_line_seconds: Positive
    spike_sigmas: Positive
    largest_spike_fraction: Fraction
    sentinels: tuple[float, ...]  # values that mean "missing" where they lie far outside a channel's others, or clip it


class WindowParams(Section):
    preset: Literal["edgecodec36", "wes37", "all38"]  # AeroSense channels; other arrays name theirs in data.array
    samples: Count
    skip_first_rows: Annotated[int, Field(ge=0)]
    skip_last_rows: Annotated[int, Field(ge=0)]
    lowpass_hz: Open[Positive]  # auto: where the recordings' spectra fall into their noise
    train_stride: Count
    validation_stride: Count


class ErrorParams(Section):
    """The error that codecs are trained for, compared by and held to; edgecodec.metrics says what each kind is."""

    metric: MetricName
    tolerance: Positive | tuple[Positive, ...]  # of metric absolute: of all channels, or of each


class CodecParams(Section):
    """What every kind of codec has."""

    codewords: Codewords
    rates: Rates


class OneTokenPins(Section):
    """A codec that decimates and transforms, and whose many small stages quantize the window as one vector."""

    codewords: Open[Codewords]
    rates: Open[Rates]
    stages_per_rate: Open[Count]
    codeword_samples: Open[EvenCount]  # coefficients that one stage quantizes
    decimation: Open[Count]
    filter_taps: Open[Count]
    time_bins: Open[Count]  # cosine bins that are kept


class EdgePins(OneTokenPins):
    """Our codec: bands with few modes each, a rotation, codebooks for every regime."""

    regimes: Open[Count]  # kinds of windows with codebooks of their own; divides codewords
    bands: Open[tuple[Band, ...]]
    coefficients: Open[Count]  # dynamic coefficients that reach the quantizer
    refiner_channels: Open[Natural]  # hidden channels of the decoder's network; 0 leaves it out


class TransformPins(OneTokenPins):
    """The classical codec: a Karhunen-Loeve transform across channels, a cosine transform in time."""

    modes: Open[Count]  # spatial modes that are kept of what moves
    time_bins: Open[EvenCount]  # cosine bins that are kept, beside the mean


class OneTokenParams(OneTokenPins, CodecParams):
    """Sizes of such a codec, none of them open."""

    codewords: Codewords
    rates: Rates
    stages_per_rate: Count
    codeword_samples: EvenCount
    decimation: Count
    filter_taps: Count
    time_bins: Count


class EdgeParams(OneTokenParams, EdgePins):
    regimes: Count
    bands: tuple[Band, ...]
    coefficients: Count
    refiner_channels: Natural


class TransformParams(OneTokenParams, TransformPins):
    modes: Count
    time_bins: EvenCount


class PaperParams(CodecParams):
    """The codec of arXiv 2507.06040: 36 x 800 > 9 x 100, then stages of full codewords."""

    latent_channels: Count


class CodecsParams(Section):
    edge: EdgePins
    paper: PaperParams
    transform: TransformPins


class DesignParams(Section):
    """What the stage design closes open sizes by, beside the limits of ``gates`` and ``firmware``."""

    lowest_bits: Positive  # of the lowest rate
    highest_bits: Positive  # of the highest one
    bits_per: Literal["window", "second"]
    largest_milliseconds: Positive  # from a window to its packet at the highest rate, on the target
    tolerance: Fraction  # growth of the estimated error that fewer multiplications are worth
    windows: Count  # training windows that estimates are made from


class LossParams(Section):
    """Weights of the four parts of the loss (arXiv 2507.06040, section III)."""

    absolute: Annotated[float, Field(ge=0)]
    squared: Annotated[float, Field(ge=0)]
    commitment: Annotated[float, Field(ge=0)]
    adversarial: Annotated[float, Field(ge=0)]


class RecipeParams(Section):
    """Where a sound recipe and that of the paper's public code part."""

    start: Literal["linear", "random"]  # at a linear codec (edge: the classical solution), or at torch's random weights
    normalize: bool  # every channel about its mean and on an even scale; else as recorded
    loss: Literal["metric", "sum"]  # what error.metric measures; or plain sums
    decoder_dropout: Fraction  # of the paper's decoder, half-way through; the paper has 0.5. Codec edge has none
    quantizer_dropout: bool  # every item with the stages of a random rate; else all with all stages
    codebook_source: Literal["windows", "noise"]  # what goes through the encoder for the codebooks' k-means
    annealing: Literal["phase", "training"]  # the learning rate falls anew in every phase, or once in all
    final_learning_rate: Fraction  # to this share of itself; 1 keeps it constant
    gradient_norm: Positive | None  # gradients are clipped to it; null leaves them alone


class CodebookParams(Section):
    """How codebooks start, and how they follow the latents."""

    codebook_iterations: Count  # of k-means
    ema_decay: Annotated[float, Field(gt=0, lt=1)]
    dead_codeword_threshold: Annotated[float, Field(ge=0)]


class TrainParams(CodebookParams):
    """One schedule per codec: warm-up without quantizer, codebooks, joint training, decoder alone."""

    batch: Count
    warmup_steps: Annotated[int, Field(ge=0)]
    joint_steps: Annotated[int, Field(ge=0)]
    decoder_steps: Annotated[int, Field(ge=0)]
    learning_rate: Positive
    codebook_windows: Count  # windows drawn for the codebooks' k-means
    offset_augmentation: Fraction  # share of training windows whose means are exchanged for plausible others
    checkpoint_every: Count
    evaluate_every: Count
    loss: LossParams
    recipe: RecipeParams


class TrainSection(Section):
    profile: Literal["full", "quick"]  # quick: to try things; every result says that it is one
    quick_divisor: Count  # profile quick divides the steps, and the windows behind the codebooks
    refit: Literal["all", "codebooks"]  # codebooks: and regimes, and tables of coded packets; networks stay
    model: Path | None  # folder of the trained codec whose codebooks are refitted; null with all
    edge: TrainParams
    paper: TrainParams  # the paper's networks, trained as well as we can
    paper_original: TrainParams  # the same networks by the recipe of the paper's public code
    transform: TrainParams


class ClassifyParams(Section):
    """A classifier that is tried before and after compression."""

    label: str | None  # what it has to tell; null: none is tried
    line_hz: Open[tuple[Positive, Positive]]  # where it looks for the strongest line; auto: below the low-pass
    spectrum_hz: Open[tuple[Positive, Positive]]  # the spectrum that it looks at; auto: below the low-pass


class AnalyzeParams(Section):
    groups: str | None  # label whose values have errors of their own in reports
    rivals: tuple[RivalName, ...]
    near_duplicate_fraction: Fraction  # of the mean distance between codewords
    utilization_rule: Fraction  # the paper's 85 %


class ExploreParams(Section):
    """The paper's exploration of codebook sizes and stages, on trained codecs."""

    models: Annotated[tuple[Path, ...], Field(min_length=1)]  # folders of trained codecs, one per kind
    codewords: Annotated[tuple[Annotated[int, Field(ge=2, le=65536)], ...], Field(min_length=1)]
    stages: Annotated[tuple[Count, ...], Field(min_length=1)]  # codebooks per token; groups of them for codec edge
    kmeans_tokens: Count  # latent tokens that the codebooks start from
    kmeans_iterations: Count
    batch_tokens: Count  # latent tokens per step, when codebooks follow the latents afterwards
    follow_steps: Annotated[int, Field(ge=2)]
    ema_decay: Annotated[float, Field(gt=0, lt=1)]
    dead_codeword_share: Fraction  # of the mean use: codewords used less are drawn anew
    offset_augmentation: Fraction  # as in the training
    validation_windows: Count  # that errors are measured on


class RepeatParams(Section):
    """How much of the error is chance: the training once more with other seeds, and on other windows."""

    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
    folds: Literal[0] | Annotated[int, Field(ge=2)]  # parts of the training recordings, each held out once; 0: none


# What the codec is worth where it was not trained: values of labels (or label=value) to leave out.
LeaveOut = Annotated[dict[str, Annotated[tuple[str, ...], Field(min_length=1)]], Field(min_length=1)]


class FirmwareParams(Section):
    arithmetic: Literal["dotpex", "lanes"]  # how the target adds products of float16
    l1_bytes: Count
    l1_stack_bytes: Count
    golden_windows: Count


class VerifyParams(Section):
    simulator: Literal["auto", "gvsoc", "qemu", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "host"]
    compiler: CompilerName
    target: Literal["gap9_like", "pulp-open"]
    target_windows: Count
    time_limit_seconds: Positive


class GatesParams(Section):
    error: float  # in the unit of error.metric: per cent, dB (so many at least), or the windows' own
    largest_share_of_means: Positive  # squared error beside what each window's exact means alone would leave
    largest_latency_milliseconds: Positive
    largest_l1_bytes: Count
    largest_l2_bytes: Count
    least_codebook_usage: Fraction
    largest_float16_loss: Fraction  # relative growth of the error by the float16 export
    largest_accuracy_loss: Fraction  # of the classifier, from raw to decoded windows
    least_estimate_correlation: Fraction  # of the nodes' estimated errors with the true ones
    largest_estimate_deviation: Fraction  # of the 5th to 95th percentile of their ratio from 1


class RegistryParams(Section):
    """Names in MLflow, and who releases."""

    model_name: Annotated[str, Field(pattern=r"^[\w.-]+$")]
    experiment: Annotated[str, Field(pattern=r"^[\w.-]+$")]
    approvals: Literal[1, 2]  # people behind a release: 1 is who promotes; 2 wants another, who approves


class FleetParams(Section):
    """Drift in the field."""

    # Of both tests of a node together. What is rarer than once in 50 years, validation windows cannot tell.
    false_alarms_per_node_year: Annotated[float, Field(ge=0.02, le=10)]
    period_minutes: Positive  # as long as conditions last: windows of one period count as one observation


class Params(Section):
    seed: Natural
    codec: str  # one of the sections of codecs, or auto
    data: DataParams
    validate_: Annotated[ValidateParams, Field(alias="validate")]
    window: WindowParams
    error: ErrorParams
    design: DesignParams
    codecs: CodecsParams
    train: TrainSection
    analyze: AnalyzeParams
    explore: ExploreParams
    classify: ClassifyParams
    repeat: RepeatParams
    leave_out: LeaveOut
    firmware: FirmwareParams
    verify: VerifyParams
    gates: GatesParams
    registry: RegistryParams
    fleet: FleetParams

    @model_validator(mode="after")
    def _path_belongs_to_source(self) -> Params:
        if (self.data.path is None) != (self.data.source == "twin"):
            raise ValueError(f"data.path must be {'null' if self.data.source == 'twin' else 'set'} "
                             f"for data.source {self.data.source}")
        return self

    @model_validator(mode="after")
    def _model_belongs_to_refit(self) -> Params:
        if (self.train.model is None) != (self.train.refit == "all"):
            raise ValueError(f"train.model must be {'null' if self.train.refit == 'all' else 'set'} "
                             f"for train.refit {self.train.refit}")
        return self

    @model_validator(mode="after")
    def _nothing_contradicts(self) -> Params:
        from edgecodec.contradictions import contradictions

        for contradiction in contradictions(self):
            raise ValueError(contradiction)
        return self


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read ``path``.

    Raises:
        EdgeCodecError: the file is absent, no YAML, or a key is unknown, missing or out of range, or two settings
            contradict each other; the text names the first such key, or both settings, and what to do.
    """
    return load_settings(path, Params)


def load_settings(path: Path, kind: type[AnySection]) -> AnySection:
    """Read a file of settings.

    Raises:
        EdgeCodecError: as :func:`load_params`.
    """
    return _validated(path, kind, read_content(path))


def load_section(path: Path, kind: type[AnySection], *names: str) -> AnySection:
    """One section of ``path``, whatever the others say.

    Raises:
        EdgeCodecError: as :func:`load_params`, of this section.
    """
    content: Any = read_content(path)
    for name in names:
        content = content.get(name) if isinstance(content, dict) else None
    if not isinstance(content, dict):
        raise EdgeCodecError(f"{path}: {'.'.join(names)}: missing section; add it")
    return _validated(path, kind, content, *names)


def read_content(path: Path) -> dict[str, Any]:
    """What ``path`` holds, unchecked.

    Raises:
        EdgeCodecError: the file is absent or no YAML.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EdgeCodecError(f"{path}: not found; run in the project's folder") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise EdgeCodecError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(content, dict):
        raise EdgeCodecError(f"{path}: must be a mapping of sections")
    return content


def _validated(path: Path, kind: type[AnySection], content: dict[str, Any], *names: str) -> AnySection:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{part}." for part in (*names, *first["loc"])).rstrip(".")
        fix = {
            "extra_forbidden": "unknown key; remove it or correct its spelling",
            "missing": "missing key; add it",
            "value_error": first["msg"].removeprefix("Value error, "),  # of a section: it names its settings
        }.get(first["type"], f"{first['msg']}, got {first.get('input')!r}")
        raise EdgeCodecError(": ".join(filter(None, (str(path), where, fix)))) from None
