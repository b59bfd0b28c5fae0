"""All kinds of codec, by the name that ``codec`` in params.yaml chooses.

A further kind is one model file, its sections in params, its layers in :mod:`edgecodec.deploy.export`, and what
contradicts it in :mod:`edgecodec.contradictions`.
"""

from __future__ import annotations

from collections.abc import Mapping

from edgecodec.model import edge, paper, transform
from edgecodec.model.kind import Kind

KINDS: Mapping[str, Kind] = {"edge": edge.KIND, "paper": paper.KIND, "transform": transform.KIND}
