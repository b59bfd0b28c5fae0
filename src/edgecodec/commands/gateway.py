"""``edgecodec gateway``: packets from MQTT become windows in Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def gateway(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the files go.")],
    broker: Annotated[str, typer.Option(metavar="HOST[:PORT]", help="The MQTT broker.")] = "localhost",
    topic: Annotated[str, typer.Option(help="One packet per message; wildcards as in MQTT.")] = "edgecodec/+/packets",
    client_id: Annotated[str | None, typer.Option(
        help="By which the broker knows this gateway again. [default: FOLDER's own]", show_default=False)] = None,
    nodes: Annotated[Path | None, typer.Option(
        metavar="FILE", exists=True, dir_okay=False, show_default=False,
        help="The table of nodes, in YAML. [default: every topic brings packets, and windows have no node]")] = None,
    kind: Annotated[Literal["parquet", "delta"], typer.Option(
        "--format", help="What the windows are: files of Parquet, or a Delta table of them.")] = "parquet",
    model_name: Annotated[str, typer.Option(help="The registered model.")] = "edgecodec",
    rotate_packets: Annotated[int, typer.Option(min=1, help="Begin new files after so many packets ...")] = 4096,
    rotate_seconds: Annotated[float, typer.Option(min=0.1, help="... or so many seconds.")] = 60.0,
    tls: Annotated[bool, typer.Option("--tls", help="Encrypt, and check the broker's certificate.")] = False,
    username: Annotated[str | None, typer.Option(help="For the broker.")] = None,
    password: Annotated[str | None, typer.Option(envvar="EDGECODEC_MQTT_PASSWORD", help="For the broker.")] = None,
    monitor: Annotated[str | None, typer.Option(
        metavar="[HOST:]PORT", show_default=False,
        help="Serve /metrics for Prometheus, /healthz and /readyz there. [default host: 127.0.0.1]")] = None,
    log: Annotated[Literal["text", "json"], typer.Option(help="What the log's lines are.")] = "text",
    show: Annotated[bool, typer.Option("--print", help="Print a line of JSON for every window, too.")] = False,
) -> None:
    """Receive packets from MQTT until SIGTERM or Ctrl-C; write windows as Parquet, and keep what cannot be decoded.

    The version of the model that has a packet's model id decodes it. The table of nodes says which nodes send frames,
    of which versions, and how often a window begins. Files are whole when they appear. A folder belongs to one gateway;
    several share the work with folders of their own and the topic '$share/GROUP/edgecodec/+/packets'.
    """
    import json
    import signal
    from contextlib import nullcontext

    from edgecodec.errors import EdgeCodecError
    from edgecodec.gateway.conversion import Decoded
    from edgecodec.gateway.decoders import RegisteredDecoders
    from edgecodec.gateway.gateway import Broker, Gateway, Rotation
    from edgecodec.gateway.logs import log_to_stderr
    from edgecodec.gateway.monitoring import Monitoring
    from edgecodec.gateway.nodes import NO_NODES, load_nodes

    host, _, port = broker.partition(":")
    if not host or not (port or "1883").isdigit():
        raise EdgeCodecError(f"--broker {broker}: give it as HOST or HOST:PORT")

    monitoring = Monitoring(folder)
    monitor_host, _, monitor_port = (monitor or "0").rpartition(":")
    if not monitor_port.isdigit():
        raise EdgeCodecError(f"--monitor {monitor}: give it as PORT or HOST:PORT")

    def observe(decoded: Decoded) -> None:
        monitoring.observe(decoded)
        if show:
            show_window(decoded)

    def show_window(decoded: Decoded) -> None:
        typer.echo(json.dumps({
            "topic": decoded.received.topic, "time": decoded.received.time.isoformat(),
            "retained": decoded.received.retained, "repeated": decoded.received.repeated, "version": decoded.version,
            "node": decoded.node, "start": decoded.start and decoded.start.isoformat(),
            "rate": decoded.rate, "sequence": decoded.sequence, "window": decoded.window.tolist()}))

    log_to_stderr(log)
    address = Broker(host, int(port or ("8883" if tls else "1883")), topic, client_id, tls, username, password)
    receiving = Gateway(address, folder, RegisteredDecoders(model_name), Rotation(rotate_packets, rotate_seconds),
                        NO_NODES if nodes is None else load_nodes(nodes), observe, kind)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: receiving.stop())
    with monitoring.serving(receiving, monitor_host or "127.0.0.1", int(monitor_port)) if monitor else nullcontext():
        receiving.run()
