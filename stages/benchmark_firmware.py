"""Study benchmark_firmware: the paper's Table III beside our codecs, on 8, 4, 2 and 1 cores of the target."""

from edgecodec.same_bits import run_program  # first: before numpy and torch

from edgecodec.artifacts import ARTIFACTS, METRICS
from edgecodec.simulators.benchmark_codecs import benchmark_codecs
from edgecodec.storage import write_json


def main() -> None:
    found = benchmark_codecs(ARTIFACTS)
    write_json(METRICS / "benchmark.json", {"benchmarks": {name: one.to_json() for name, one in found.items()}})


if __name__ == "__main__":
    run_program(main)
