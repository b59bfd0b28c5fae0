"""Write the experiments of ``dvc exp show`` that trained a codec to artifacts/metrics/sweep.csv, one row each.

Columns: the parameters that differ among the experiments; then bits and error per rate, and codebook usage.
"""

from pathlib import Path

import dvc.api
import pandas as pd

from edgecodec.errors import EdgeCodecError, exit_with_one_line
from edgecodec.storage import replacing_file

TABLE = Path("artifacts/metrics/sweep.csv")
ERRORS, CODEBOOKS = "artifacts/metrics/rate_distortion.json", "artifacts/metrics/codebooks.json"


def main() -> None:
    finished = [row["rev"] for row in dvc.api.exp_show() if row["State"] == "Success"]
    if not finished:
        raise EdgeCodecError("dvc exp show: no finished experiment of this commit; queue some (dvc exp run --queue -S "
                             "...) and run them (dvc queue start)")
    params = pd.json_normalize([dvc.api.params_show(rev=rev) for rev in finished])
    varied = [name for name in params if params[name].astype(str).nunique() > 1]
    table = pd.concat([params[varied], pd.DataFrame([results(rev) for rev in finished])], axis=1).sort_values(varied)
    with replacing_file(TABLE) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")


def results(rev: str) -> dict[str, float]:
    """Figures of the codec that the experiment of commit ``rev`` trained."""
    by_rate = dvc.api.metrics_show(ERRORS, rev=rev)["splits"]["validation"]["edgecodec"]
    figures = {f"{name}.rate{rate}": of_rate[name]
               for name in ("bits_per_window", "error_percent") for rate, of_rate in by_rate.items()}
    return figures | {"least_codebook_usage": dvc.api.metrics_show(CODEBOOKS, rev=rev)["least_usage"]}


if __name__ == "__main__":
    exit_with_one_line(main)
