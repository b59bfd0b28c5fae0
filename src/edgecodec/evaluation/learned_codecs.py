"""The trained codecs that stand beside each other in every comparison."""

from __future__ import annotations

from pathlib import Path

from edgecodec.evaluation.rate_distortion import CODEC
from edgecodec.model.codec import Codec, load_model

OTHERS = {  # folders of the results of the studies
    "paper": "paper/sound",
    "paper_original": "paper/original",
    "transform": "transform",
}


def load_learned_codecs(artifacts: Path) -> dict[str, Codec]:
    """Ours first, then those of the others that have been trained.

    Raises:
        EdgeCodecError: our codec is absent, or a model is damaged.
    """
    others = {name: artifacts / folder for name, folder in OTHERS.items() if (artifacts / folder).is_dir()}
    return {name: load_model(folder) for name, folder in {CODEC: artifacts / "model", **others}.items()}
