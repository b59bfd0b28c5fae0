"""Settings are all there, all known, and all in range; else one line says which is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest
import yaml

from edgecodec import chosen
from edgecodec.errors import EdgeCodecError
from edgecodec.params import load_params
from edgecodec.sources.fingerprint import STAGE


def test_committed_params_are_valid(repository: Path) -> None:
    assert chosen.sizes(load_params(repository / "params.yaml")).rates == 4


EditedParams = Callable[[Callable[[dict[str, Any]], object]], Path]


@pytest.fixture
def edited(repository: Path, tmp_path: Path) -> EditedParams:
    """Write the repository's settings, edited, to a file of their own."""
    def write(edit: Callable[[dict[str, Any]], object]) -> Path:
        content = yaml.safe_load((repository / "params.yaml").read_text())
        edit(content)
        path = tmp_path / "params.yaml"
        path.write_text(yaml.safe_dump(content))
        return path
    return write


@pytest.mark.parametrize(("edit", "message"), [
    (lambda content: content["window"].update(strid=5), "window.strid: unknown key"),
    (lambda content: content.update(windows={}), "windows: unknown key"),
    (lambda content: content["window"].pop("samples"), "window.samples: missing key"),
    (lambda content: content.pop("data"), "data: missing key"),
    (lambda content: content["data"]["array"]["labels"].update(table="a.csv"), "data.array.labels.table: unknown key"),
    (lambda content: content["data"]["array"]["labels"].update(pattern="[a"), "data.array.labels: pattern .*no reg"),
    (lambda content: content["window"].update(samples=0), "window.samples: .*greater than or equal to 1, got 0"),
    (lambda content: content["window"].update(preset="all40"), "window.preset: .*'all38', got 'all40'"),
    (lambda content: content["repeat"].update(folds=1), "repeat.folds"),
    (lambda content: content["data"].update(source="aerosense"), "data.path must be set for data.source aerosense"),
    (lambda content: content["data"].update(path="/data"), "data.path must be null for data.source twin"),
    (lambda content: content["train"].update(refit="codebooks"), "train.model must be set for train.refit codebooks"),
    (lambda content: content["train"].update(model="model"), "train.model must be null for train.refit all"),
    (lambda content: content["data"]["field"].update(share=1.0), "data.field.share: .*less than 1, got 1"),
])
def test_wrong_setting_is_named_in_one_line(
    edited: EditedParams, edit: Callable[[dict[str, Any]], object], message: str
) -> None:
    with pytest.raises(EdgeCodecError, match=message) as raised:
        load_params(path := edited(edit))
    assert str(path) in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


ARRAY = {"source": "array", "path": "/data"}


def of_array(content: dict[str, Any], **array: object) -> None:
    content["data"].update(ARRAY)
    content["data"]["array"].update(array)


def edge(content: dict[str, Any], **sizes: object) -> None:
    content["codecs"]["edge"].update(sizes)


def transform(content: dict[str, Any], **sizes: object) -> None:
    content.update(codec="transform")
    content["codecs"]["transform"].update(sizes)


@pytest.mark.parametrize(("edit", "message"), [
    (lambda content: content["window"].update(samples=4096, skip_first_rows=0),
     "time_bins and bands keep 88 bins, which end at 1.1 Hz with window.samples 4096, far below window.lowpass_hz 5; "
     "keep about 410 bins"),
    (lambda content: of_array(content, channels=4),
     r"codecs.edge.bands: \[1, 16, 6\] keeps 6 spatial modes, and there are 4 channels in data.array.channels"),
    (lambda content: of_array(content, channels=["a", "b", "c", "d", "e"]), "there are 5 channels in data.array"),
    (lambda content: of_array(content, sample_rate_hz=10), "lowpass_hz 5 .* half of data.array.sample_rate_hz 10"),
    (lambda content: of_array(content, sample_rate_hz=8.0), "window.lowpass_hz 5 .* data.array.sample_rate_hz 8"),
    (lambda content: content["window"].update(lowpass_hz=50.0), "lowpass_hz 50 .* the sample rate of data.source twin"),
    (lambda content: content["window"].update(samples=10), "window.samples 10 is too short for window.lowpass_hz"),
    (lambda content: content["window"].update(samples=1840), "data.twin.seconds 42 is too short for window.samples"),
    (lambda content: content.update(codec="neural"), "codec neural is none of edge, paper, transform"),
    (lambda content: content["window"].update(samples=804), "decimation 8 does not cut window.samples 804"),
    (lambda content: content["window"].update(samples=640), "time_bins 88 is more than the 80 samples that .*samples"),
    (lambda content: edge(content, filter_taps=63), "filter_taps 63 must be codecs.edge.decimation 8, or an even"),
    (lambda content: edge(content, bands=[[1, 16, 6], [17, 88, 4]]), r"\[17, 88, 4\] must begin at bin 16"),
    (lambda content: edge(content, time_bins=80), "bands end at bin 88, codecs.edge.time_bins keeps 80"),
    (lambda content: edge(content, coefficients=300), "coefficients 300 is more than the 292 that codecs.edge.bands"),
    (lambda content: edge(content, codeword_samples=198), "codeword_samples 198 is more than a latent has"),
    (lambda content: edge(content, regimes=5), "codewords 64 cannot be shared out .* codecs.edge.regimes 5"),
    (lambda content: (content.update(codec="paper"), content["window"].update(samples=804)),
     "codec paper needs window.samples to be a multiple of 8, not 804"),
    (lambda content: transform(content, decimation=9), "transform.decimation 9 does not cut window.samples 800"),
    (lambda content: transform(content, time_bins=102), "transform.time_bins 102 is more than the 100 samples that"),
    (lambda content: transform(content, time_bins=38), "transform.time_bins keep 39 bins, .* far below window.lowpass"),
    (lambda content: transform(content, modes=37), "transform.modes 37 is more than the 36 channels in window.preset"),
    (lambda content: transform(content, codeword_samples=600),
     "transform.codeword_samples 600 is more than a latent has: 88 codecs.transform.time_bins of 6 modes and a mean"),
    (lambda content: content["design"].update(highest_bits=80), "highest_bits 80 is 10 less than design.lowest_bits"),
    (lambda content: content["design"].update(lowest_bits=10), "36 times design.lowest_bits 10, .* raise .* to 22.5"),
    (lambda content: content["design"].update(largest_milliseconds=20.0),
     "design.largest_milliseconds 20 is more than gates.largest_latency_milliseconds 10 lets pass"),
    (lambda content: of_array(content, split_by="subject"),
     "data.array.split_by subject takes recordings with labels; say by data.array.labels where they are"),
    (lambda content: [of_array(content, split_by="subject"), content["data"].update(source="field")],
     "data.array.split_by subject is not for data.source field, split by hour; make it null"),
    (lambda content: of_array(content, validating=["4"]), r"validating \[4\] is of data.array.split_by; name the lab"),
    (lambda content: content["firmware"].update(l1_stack_bytes=131072), "leaves nothing of firmware.l1_bytes 131072"),
])
def test_two_settings_that_contradict_each_other_are_named_before_the_first_stage(
    edited: EditedParams, edit: Callable[[dict[str, Any]], object], message: str
) -> None:
    with pytest.raises(EdgeCodecError, match=message) as raised:
        load_params(edited(edit))
    assert len(str(raised.value)) < 300


def test_the_first_stage_of_the_pipeline_holds_the_settings_against_each_other(
        repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = yaml.safe_load((repository / "params.yaml").read_text())
    content["window"]["lowpass_hz"] = 50.0
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EdgeCodecError, match=r"^params.yaml: window.lowpass_hz 50"):
        run_path(str(repository / "stages" / f"{STAGE}.py"))["main"]()


def test_the_quick_profile_shortens_the_schedule_alone(repository: Path, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text((repository / "params.yaml").read_text().replace("profile: full", "profile: quick"))
    full, quick = (chosen.schedule(load_params(file)) for file in (repository / "params.yaml", path))
    assert quick.joint_steps * 6 == full.joint_steps
    assert quick.codebook_windows * 6 == full.codebook_windows
    shortened = {"warmup_steps", "joint_steps", "decoder_steps", "codebook_windows"}
    assert quick.model_dump(exclude=shortened) == full.model_dump(exclude=shortened)


@pytest.mark.parametrize("text", [b"", b"- a\n- b\n", b"seed: [1\n", b"\xff\xfe"])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(text)
    with pytest.raises(EdgeCodecError, match=r"params\.yaml: (must be a mapping|not valid YAML)"):
        load_params(path)
