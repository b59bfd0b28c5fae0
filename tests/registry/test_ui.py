"""``make ui`` names the pages that show something."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_project import small_params

from edgecodec.registry.register import register
from edgecodec.registry.store import open_store
from edgecodec.registry.ui import addresses


@pytest.mark.usefixtures("project")
def test_the_addresses_are_those_of_runs_comparison_and_version() -> None:
    assert not list(addresses(open_store(), small_params(), "http://here"))

    run = register(small_params(), Path()).run_id
    assert dict(addresses(open_store(), small_params(), "http://here")) == {
        "all runs": "http://here/#/experiments/1/runs?workflowType=machine_learning",
        "runs compared, with their curves":
            "http://here/#/experiments/1/runs?workflowType=machine_learning&compareRunsMode=CHART",
        "the newest run and its gates": f"http://here/#/experiments/1/runs/{run}?workflowType=machine_learning",
        "the newest version": "http://here/#/models/edgecodec/versions/1?workflowType=machine_learning"}
