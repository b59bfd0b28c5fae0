"""What a version must pass to be released, all of it found anew in the bytes that MLflow keeps.

What was true at registration counts for nothing here: hashes are taken again, gates are judged by the limits of today's
params.yaml, the firmware is compiled and run against the oracle, and where the validation windows are at hand, the
errors are measured again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from edgecodec.deploy.emit import firmware_hash
from edgecodec.deploy.memory import arena_bytes
from edgecodec.dvc_files import dvc_md5
from edgecodec.errors import EdgeCodecError
from edgecodec.git import git, present_commit
from edgecodec.metrics import ERROR_METRICS, Measure, MetricName
from edgecodec.packets.network import ExportedCodec, load_codec
from edgecodec.params import Params
from edgecodec.registry.bundle import PARTS
from edgecodec.registry.gates import Champion, Verdict, judge
from edgecodec.registry.lineage import Lineage, commit_of
from edgecodec.registry.manifest import MANIFEST, Bundle, loader_sha256, verify_bundle
from edgecodec.registry.measurements import VALIDATION_DIGEST, Measurements
from edgecodec.registry.registered import BUNDLE_IN_MODEL, RegisteredVersion
from edgecodec.registry.release_log import Figures
from edgecodec.registry.remeasurement import VALIDATION, LocalWindows, measured_errors
from edgecodec.registry.versions import BUNDLE, LOADER_FILES
from edgecodec.simulators.toolchain import choose_toolchain
from edgecodec.simulators.verifier import Verifier
from edgecodec.storage import read_json, sha256_of_file

OF_TARGET = ("measured", "recorded")  # evidence that is good enough for a release
JUDGED = ("windows", "training", "rate_distortion", "codebooks", "float16", "verification", "damage")  # metrics
SAME_ERROR = 1e-3  # share by which an error may differ from the recorded one: sums have another order on other machines


@dataclass(frozen=True)
class Finding:
    """The outcome of one check."""

    subject: str
    passed: bool
    text: str  # what was found; for a failure also how to mend it


@dataclass(frozen=True)
class SealedBundle:
    """A bundle whose every byte is as registered, and what it holds."""

    version: RegisteredVersion
    bundle: Bundle
    codec: ExportedCodec
    measured: Measurements
    params: Mapping[str, Any]  # params.yaml as it was then
    lineage: Lineage

    @property
    def rates(self) -> range:
        return range(1, len(self.codec.quantizer.stages_of_rate) + 1)

    @property
    def figures(self) -> Figures:
        """What later candidates are compared with."""
        return Figures(str(self.measured.entry(VALIDATION_DIGEST)),
                       {str(rate): self.measured.of_rate(self.measure.metric.field, rate) for rate in self.rates},
                       self.metric)

    @property
    def metric(self) -> MetricName:
        """That it was made by; before there were others, all were by the relative error."""
        return cast(MetricName, self.params.get("error", {}).get("metric", "relative"))

    @property
    def measure(self) -> Measure:
        return Measure(ERROR_METRICS[self.metric], self.params.get("error", {}).get("tolerance", 1.0))

    def was_measured_on(self, local: LocalWindows | None) -> bool:
        return local is not None and local.digest == self.figures.validation_digest

    @property
    def evidence(self) -> str:
        return str(self.measured.entry("verification.evidence"))


@dataclass(frozen=True)
class Examination:
    """All findings on one version."""

    findings: tuple[Finding, ...]
    verdicts: tuple[Verdict, ...]  # of the gates, which are among the findings

    @property
    def failures(self) -> list[str]:
        return [f"{finding.subject}: {finding.text}" for finding in self.findings if not finding.passed]


def open_sealed(version: RegisteredVersion, model: Path) -> SealedBundle:
    """Check the fetched files of ``version`` against their seals: manifest, tags, model hash.

    Args:
        model: the folder that MLflow keeps for the version.

    Raises:
        EdgeCodecError: a file was changed, is missing or was added, or the manifest is of another schema.
    """
    folder = model / BUNDLE_IN_MODEL
    try:
        bundle = verify_bundle(folder)
        if sha256_of_file(folder / MANIFEST) != version.tags.get(BUNDLE):
            raise EdgeCodecError(f"{MANIFEST}: not the one that was registered (tag {BUNDLE})")
        if loader_sha256(model) != version.tags.get(LOADER_FILES):
            raise EdgeCodecError(f"the files beside the bundle, by which MLflow loads it, are not those that were "
                                 f"registered (tag {LOADER_FILES})")
        codec = load_codec(folder / "encoder")
        if codec.model_hash != bundle.model_hash:
            raise EdgeCodecError(f"encoder is of model {codec.model_hash[:8]}, {MANIFEST} of {bundle.model_hash[:8]}")
        settings = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
        return SealedBundle(version, bundle, codec, Measurements.read(folder / "metrics"), settings,
                            read_json(folder / "lineage.json"))
    except EdgeCodecError as error:
        told = str(error).replace(f"{folder}/", "").replace(f"{folder}: ", "bundle: ")
        raise EdgeCodecError(f"{version}: {told}") from None


def examine(sealed: SealedBundle, params: Params, repository: Path, champion: Champion | None,
            accept_estimated: str | None, work: Path, local: LocalWindows | None) -> Examination:
    """Check what is in a sealed bundle.

    Args:
        params: today's; their gates judge.
        repository: of git, with the commit that the version was made from.
        champion: that the version must not be worse than; None compares with nobody.
        accept_estimated: why a latency that was only estimated is good enough.
        work: an empty folder to build the firmware in.
        local: the validation windows that are here; None if there are none.
    """
    verdicts = judge(sealed.measured, params.gates, sealed.rates, champion, params.error.metric)
    findings: tuple[Finding, ...] = (
        Finding("bundle", True, f"every file as registered, {sealed.bundle.sha256[:12]}"),
        *_tags(sealed),
        _profile(sealed),
        *_gates(verdicts, champion),
        _evidence(sealed, accept_estimated),
        _lineage(sealed, repository),
    )
    if all(finding.passed for finding in findings):  # what has failed already is neither compiled nor run
        findings = (*findings, _firmware(sealed, params, work), _errors(sealed, local))
    return Examination(findings, verdicts)


def _tags(sealed: SealedBundle) -> Iterator[Finding]:
    """People choose versions by their tags: these must say what the bundle says."""
    field = sealed.measure.metric.field
    expected = {"model_hash": sealed.bundle.model_hash, "evidence": sealed.evidence, "codec": sealed.codec.codec,
                "validation_digest": sealed.figures.validation_digest,
                **{f"{field}.rate{rate}": str(error) for rate, error in sealed.figures.error_percent.items()}}
    wrong = [f"{name} is {sealed.version.tags.get(name)!r}, the bundle says {value!r}"
             for name, value in expected.items() if sealed.version.tags.get(name) != value]
    yield Finding("tags", not wrong, "; ".join(wrong) or f"{len(expected)} say what the bundle says")


def _profile(sealed: SealedBundle) -> Finding:
    """A quick training is for trying things. All three places that name the profile are asked."""
    named = {
        "tag profile": sealed.version.tags.get("profile"),
        "params.yaml": sealed.params.get("train", {}).get("profile"),
        "metrics/training.json": sealed.measured.entry("training.profile"),
    }
    other = [f"{where} says {profile}" for where, profile in named.items() if profile != "full"]
    told = f"{', '.join(other)}; only train.profile full is released" if other else "full"
    return Finding("profile", not other, told)


def _gates(verdicts: Sequence[Verdict], champion: Champion | None) -> Iterator[Finding]:
    for verdict in verdicts:
        if verdict.name == "champion" and champion is not None:  # judge found nothing to compare
            yield Finding("comparison", False, (
                f"version {champion.version} was measured on other validation windows, and {VALIDATION} does not hold "
                "those of this version, to measure both on; check out its git commit and run dvc pull"))
        else:
            text = verdict.reason.removeprefix(f"{verdict.name}: ")
            yield Finding(f"gate {verdict.name}", verdict.passed,
                          text or f"{verdict.value:.6g} within {verdict.limit:.6g}, {verdict.evidence}")


def _evidence(sealed: SealedBundle, accept_estimated: str | None) -> Finding:
    """The report must be about the very firmware of the bundle; time and memory, counted for its program."""
    report = read_json(sealed.bundle.folder / "verification" / "report.json")
    found = firmware_hash(sealed.bundle.folder / "firmware")
    if report.get("firmware_hash") != found or report.get("model_hash") != sealed.bundle.model_hash:
        return Finding("evidence", False, "verification/report.json is about another firmware; run stage verify_gvsoc")
    if sealed.evidence in OF_TARGET:
        return Finding("evidence", True, f"{sealed.evidence}; {report.get('remark')}")
    if sealed.evidence == "estimated" and accept_estimated:
        return Finding("evidence", True, f"estimated, accepted: {accept_estimated}")
    return Finding("evidence", False, f"{sealed.evidence}, but a release needs {' or '.join(OF_TARGET)}; run the stage "
                                      'verify_gvsoc where GVSOC is, or give --accept-estimated "reason"')


def _lineage(sealed: SealedBundle, repository: Path) -> Finding:
    broken = list(_broken_lineage(sealed.bundle.folder, sealed.lineage))
    if not re.fullmatch("[0-9a-f]{64}", sealed.figures.validation_digest):
        broken.append("metrics/windows.json has no digest of the validation windows")
    if broken:
        return Finding("lineage", False, "; ".join(broken))
    if present_commit(repository) is None:
        return Finding("lineage", False, f"{repository.resolve()} is not in git; run in a clone of the project")
    origin = sealed.version.tags.get("git_commit", "none")
    if not re.fullmatch("[0-9a-f]{40}", origin) or git(repository, "cat-file", "-e", f"{origin}^{{commit}}") is None:
        return Finding("lineage", False, f"git commit {origin} is not in this clone; fetch the branch that it is on")
    recorded = commit_of(sealed.lineage, repository)
    if recorded is None:
        return Finding("lineage", False, "no commit in this clone has its dvc.lock; commit it, or fetch the branch")
    return Finding("lineage", True, f"made from {origin[:10]}, recorded in {recorded[:10]}, data "
                                    f"{sealed.figures.validation_digest[:10]}")


def _broken_lineage(bundle: Path, lineage: Lineage) -> Iterator[str]:
    """Each part of the bundle whose bytes are not those that its ``lineage`` names."""
    outputs = {path: md5 for stage in lineage.values() for path, md5 in stage.get("outs", {}).items()}
    parts = {f"artifacts/{name}": bundle / part for part, name in PARTS.items() if part != "metrics"}
    metrics = {f"artifacts/metrics/{path.name}": path for path in sorted((bundle / "metrics").glob("*.json"))}
    for output in sorted({*parts, *(f"artifacts/metrics/{name}.json" for name in JUDGED)} - outputs.keys()):
        yield f"lineage.json names no md5 of {output}"
    for output, path in (parts | metrics).items():
        if output in outputs and dvc_md5(path) != outputs[output]:
            yield f"{path.relative_to(bundle)} is not the {output} that DVC recorded"


def _firmware(sealed: SealedBundle, params: Params, work: Path) -> Finding:
    try:
        toolchain = choose_toolchain(params.verify.compiler, "host")
        checks = Verifier(sealed.codec, sealed.bundle.folder / "firmware", params.verify.target,
                          arena_bytes(params.firmware), params.firmware.l1_stack_bytes, toolchain,
                          params.verify.time_limit_seconds, work).check_on_host()
    except EdgeCodecError as error:
        return Finding("firmware", False, str(error))
    differing = [str(check) for check in checks if not check.comparison.bit_exact]
    compared = sum(check.comparison.results for check in checks)
    if differing:
        origin = sealed.version.tags.get("git_commit", "none")
        return Finding("firmware", False, f"{'; '.join(differing)}; if the arithmetic has changed since git commit "
                                          f"{origin[:10]}, examine it with the edgecodec of that commit")
    if not compared:
        return Finding("firmware", False, "golden/windows.bin holds no window")
    return Finding("firmware", True, f"built and run on this host, {compared} results bit-exact")


def _errors(sealed: SealedBundle, local: LocalWindows | None) -> Finding:
    if local is None or not sealed.was_measured_on(local):
        return Finding("errors", True, f"as DVC recorded them; {VALIDATION} does not hold the windows that they were "
                                       "measured on, to measure anew (check out its git commit and run dvc pull)")
    try:
        found = measured_errors(sealed.bundle.folder, local.windows, sealed.measure)
    except EdgeCodecError as error:
        return Finding("errors", False, str(error))
    unit = sealed.measure.metric.unit
    recorded = {int(rate): error for rate, error in sealed.figures.error_percent.items()}
    differing = [f"rate {rate} has {error:.6g}{unit}, its metrics say {recorded[rate]:.6g}{unit}"
                 for rate, error in found.items() if not abs(error - recorded[rate]) <= SAME_ERROR * error]
    if differing:
        return Finding("errors", False, f"measured anew, {', '.join(differing)}; run the pipeline again (make repro)")
    told = ", ".join(f"{error:.4g}" for error in found.values())
    return Finding("errors", True, f"{told}{unit}, measured anew on {len(local.windows)} validation windows")
