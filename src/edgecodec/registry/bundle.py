"""The folder that is registered: all that is needed to decode, to encode, to flash, and to trust; nothing is pickled.

    README.md              the model card
    manifest.json          sha256 of every other file
    decoder/               the trained codec: model.json, model.safetensors
    encoder/               the float16 codec that the firmware holds: codec.json, codec.safetensors
    receiver/              the trained decoder as ONNX; with the encoder's codebooks it is all that decoding takes
    firmware/              C sources, memory map, golden vectors
    verification/          what the simulator reported
    metrics/               the metrics of every stage
    params.yaml            every parameter but those of the registry and the fleet
    lineage.json           md5 of all that every stage read and wrote, as in dvc.lock
    python/edgecodec.zip   the modules that decode packets, to be put on the Python path
    requirements.txt       the packages they need

The same pipeline results give the same bytes, and the same sha256.
"""

from __future__ import annotations

import shutil
import zipfile
from importlib.metadata import version
from modulefinder import ModuleFinder
from pathlib import Path

import yaml

from edgecodec.errors import EdgeCodecError
from edgecodec.packaged import PACKAGE, packaged
from edgecodec.packets.network import load_codec
from edgecodec.params import Params
from edgecodec.registry.lineage import Lineage, read_lineage
from edgecodec.registry.manifest import Bundle, verify_bundle, write_manifest
from edgecodec.registry.measurements import Measurements
from edgecodec.registry.model_card import model_card
from edgecodec.storage import replacing_directory, write_json, write_text

PARTS = {"decoder": "model", "encoder": "float16", "receiver": "receiver", "firmware": "firmware",
         "verification": "verification", "metrics": "metrics"}  # folder in the bundle: folder in artifacts/
LOADER = packaged("registry/pyfunc_model.py")  # the script by which MLflow loads a bundle
REQUIREMENTS = ("mlflow", "numpy", "onnxruntime", "pandas", "safetensors")


def build_bundle(folder: Path, repository: Path, params: Params) -> Bundle:
    """Gather the bundle of the pipeline's present results into ``folder``.

    Raises:
        EdgeCodecError: a stage's output is absent, or dvc.lock is.
    """
    artifacts = repository / "artifacts"
    with replacing_directory(folder) as gathering:
        for part, name in PARTS.items():
            if not (artifacts / name).is_dir():
                raise EdgeCodecError(f"{artifacts / name}: not found; run the stage that writes it (dvc repro)")
            shutil.copytree(artifacts / name, gathering / part)
        lineage = read_lineage(repository)
        _leave_out_foreign(gathering / "metrics", lineage)
        write_json(gathering / "lineage.json", lineage)
        settings = params.model_dump(mode="json", by_alias=True, exclude={"registry", "fleet"})
        write_text(gathering / "params.yaml", yaml.safe_dump(settings, sort_keys=False))
        write_text(gathering / "requirements.txt", "".join(f"{line}\n" for line in pinned_requirements()))
        _zip_modules(gathering / "python" / "edgecodec.zip")
        exported = load_codec(gathering / "encoder")
        write_text(gathering / "README.md", model_card(exported, Measurements.read(gathering / "metrics")))
        write_manifest(gathering, exported.model_hash)
    return verify_bundle(folder)


def _leave_out_foreign(metrics: Path, lineage: Lineage) -> None:
    """Remove metrics that no stage of the pipeline wrote: those of studies, sweeps and of this machine's speed."""
    written = {Path(output).name for stage in lineage.values() for output in stage["outs"]}
    for path in sorted(metrics.iterdir()):
        if path.name not in written:
            path.unlink()


def pinned_requirements() -> list[str]:
    """The packages that decoding needs, as installed here."""
    return [f"{name}=={version(name)}" for name in REQUIREMENTS]


def decoding_modules() -> ModuleFinder:
    """What loading a bundle imports, directly or not: modules of this package, and ``badmodules``, all others."""
    finder = ModuleFinder(path=[str(PACKAGE.parent)])
    finder.run_script(str(LOADER))
    return finder


def _zip_modules(path: Path) -> None:
    """A zip, since Python writes no byte code beside the modules that it imports from one."""
    found = [getattr(module, "__file__", None) for module in decoding_modules().modules.values()]
    files = {Path(file) for file in found if file} - {LOADER}
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(files):
            entry = zipfile.ZipInfo(file.relative_to(PACKAGE.parent).as_posix())  # its date is 1980, always
            archive.writestr(entry, file.read_bytes())
