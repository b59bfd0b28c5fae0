"""The registered model decodes in Python, over HTTP and in Spark: the same packets to the same bits."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest
import requests
from numpy.typing import NDArray

from edgecodec.errors import EdgeCodecError
from edgecodec.packets.decoder import PacketDecoder
from edgecodec.registry.pyfunc_model import PacketsToWindows


@pytest.fixture
def model(two_versions: Path) -> str:
    """Where a registered model's files are."""
    folder, _ = (two_versions / "mlartifacts/models").iterdir()
    return str(folder / "artifacts")


@pytest.fixture
def expected(model: str, mixed: list[bytes]) -> NDArray[np.float32]:
    """The windows [n, values] as Python decodes them."""
    table = mlflow.pyfunc.load_model(model).predict(pd.DataFrame({"packet": mixed}))
    return np.stack(table["window"])


def test_the_signature_says_what_goes_in_and_out(model: str) -> None:
    signature = mlflow.pyfunc.load_model(model).metadata.signature
    assert signature.inputs.to_dict() == [{"type": "binary", "name": "packet", "required": True}]
    assert [column["name"] for column in signature.outputs.to_dict()] == [
        "window", "rate", "sequence", "estimated_error", "unlike_training", "faulty", "error"]


def test_damaged_packets_are_refused_or_kept_as_told(model: str, mixed: list[bytes],
                                                     expected: NDArray[np.float32]) -> None:
    loaded = mlflow.pyfunc.load_model(model)
    packets = pd.DataFrame({"packet": [mixed[0], mixed[1][:-1], np.nan, mixed[3]]})
    with pytest.raises(EdgeCodecError, match=r"^packet 1: damaged or cut short"):
        loaded.predict(packets)
    with pytest.raises(EdgeCodecError, match="params: damaged: skip; say refuse or keep"):
        loaded.predict(packets, {"damaged": "skip"})

    table = loaded.predict(packets, {"damaged": "keep"})
    assert [error.partition(",")[0] for error in table["error"]] == ["", "damaged or cut short", "no packet", ""]
    assert table["rate"].tolist() == [1, 0, 0, 2]
    assert [window is None for window in table["window"]] == [False, True, True, False]
    np.testing.assert_array_equal(np.stack(table["window"][[0, 3]]), expected[[0, 3]])
    assert loaded.predict(packets[1:3], {"damaged": "keep"})["sequence"].tolist() == [-1, -1]


@pytest.mark.parametrize(("absent", "told"), [(None, "no packet, its row is empty"), (np.nan, "no packet, its row is"),
                                              (pd.NA, "no packet, but NAType"), ("text", "no packet, but str")])
def test_what_is_no_packet_is_kept_or_refused_as_damaged(project: Path, mixed: list[bytes], absent: object,
                                                         told: str) -> None:
    decoder = PacketDecoder.open(project / "artifacts/receiver", project / "artifacts/float16")
    model = PacketsToWindows()
    model.decoder = decoder
    packets = pd.DataFrame({"packet": pd.Series([mixed[0], absent], dtype=object)})
    table = model.predict(None, packets, {"damaged": "keep"})
    assert table["error"][0] == ""
    assert table["error"][1].startswith(told)
    with pytest.raises(EdgeCodecError, match=f"^packet 1: {told}"):
        model.predict(None, packets)


@pytest.fixture
def address(model: str, tmp_path: Path) -> Iterator[str]:
    """A scoring server of MLflow for the model."""
    if shutil.which("bash") is None:
        pytest.skip("bash not found: MLflow starts its server by it")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", model, "--env-manager", "local", "--port",
               str(port), "--workers", "1"]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    told = tmp_path / "server.log"
    with told.open("w") as log, subprocess.Popen(command, env=environment, stdout=log, stderr=log,
                                                 start_new_session=True) as process:
        while not is_ready(f"http://127.0.0.1:{port}"):
            assert process.poll() is None, told.read_text()
        yield f"http://127.0.0.1:{port}"
        os.killpg(process.pid, signal.SIGTERM)


def is_ready(address: str) -> bool:
    try:
        return requests.get(f"{address}/ping", timeout=5).ok
    except requests.ConnectionError:
        time.sleep(0.5)
        return False


def ask(address: str, packets: Sequence[bytes], **params: str) -> requests.Response:
    rows = [[base64.b64encode(packet).decode()] for packet in packets]
    return requests.post(f"{address}/invocations", timeout=60,
                         json={"dataframe_split": {"columns": ["packet"], "data": rows}, "params": params})


@pytest.mark.tools
def test_packets_go_over_http(address: str, mixed: list[bytes], expected: NDArray[np.float32]) -> None:
    rows = ask(address, mixed).json()["predictions"]
    assert [row["rate"] for row in rows] == [1, 1, 2, 2] * 3
    np.testing.assert_array_equal(np.array([row["window"] for row in rows], np.float32), expected)

    refused = ask(address, [mixed[0], mixed[1][:-1]])
    assert refused.status_code == 400
    assert "packet 1: damaged or cut short" in refused.text
    kept = ask(address, [mixed[0], mixed[1][:-1]], damaged="keep").json()["predictions"]
    assert [row["window"] is None for row in kept] == [False, True]
    assert kept[1]["error"].startswith("damaged or cut short")


IN_SPARK = """
import sys
import mlflow.pyfunc
from pyspark.sql import SparkSession
model, packets, windows = sys.argv[1:]
spark = (SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
         .config("spark.driver.host", "127.0.0.1").config("spark.driver.memory", "1g").getOrCreate())
decode = mlflow.pyfunc.spark_udf(spark, model, env_manager="local", params={"damaged": "keep"})
table = spark.read.parquet(packets).repartition(2)
table.select("number", decode("packet").alias("decoded")).select("number", "decoded.*").write.parquet(windows)
spark.stop()
"""


@pytest.mark.slow
def test_packets_go_through_spark(model: str, mixed: list[bytes], expected: NDArray[np.float32],
                                  tmp_path: Path) -> None:
    pytest.importorskip("pyspark", reason="pyspark is not installed: pip install -e .[spark] -c constraints.txt")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java 17 or later, and there is no java on the PATH")
    copies, damaged = 100, 7
    number = np.arange(copies * len(mixed))
    packets = mixed * copies
    packets[damaged] = packets[damaged][:-1]
    pyarrow.parquet.write_table(pyarrow.table({"number": number, "packet": packets}), tmp_path / "packets")
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    finished = subprocess.run([sys.executable, "-c", IN_SPARK, model, tmp_path / "packets", tmp_path / "windows"],
                              env=environment, capture_output=True, text=True, check=False)

    assert finished.returncode == 0, finished.stderr[-3000:]
    table = pyarrow.parquet.read_table(tmp_path / "windows").sort_by("number")
    assert table["number"].to_pylist() == number.tolist()
    assert table.schema.field("window").type == pyarrow.list_(pyarrow.field("element", pyarrow.float32()))
    errors, windows = table["error"].to_pylist(), table["window"].to_numpy(zero_copy_only=False)
    assert [at for at in number if errors[at]] == [damaged] == [at for at in number if windows[at] is None]
    sound = number != damaged
    np.testing.assert_array_equal(np.stack(windows[sound]), np.tile(expected, (copies, 1))[sound])
