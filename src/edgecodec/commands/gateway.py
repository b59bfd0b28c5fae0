"""``edgecodec gateway``: packets from MQTT become windows in Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from edgecodec.gateway.versions import Decoders


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
    models: Annotated[Path | None, typer.Option(
        metavar="FOLDER", exists=True, file_okay=False, show_default=False,
        help="Decode with the exported folders in it (`edgecodec releases export --for gateway`), without MLflow."
    )] = None,
    keys: Annotated[Path | None, typer.Option(
        metavar="FILE", exists=True, dir_okay=False, show_default=False,
        help="Use such folders only if a key in this file signed them. [default: release_keys.pub if it is here]"
    )] = None,
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

    The version of the model that has a packet's model id decodes it. Exported folders are checked before they are used,
    signature and every byte; one that does not pass is refused. The table of nodes says which nodes send frames,
    of which versions, and how often a window begins. Files are whole when they appear. A folder belongs to one gateway;
    several share the work with folders of their own and the topic '$share/GROUP/edgecodec/+/packets'.
    """
    import json
    import signal
    from contextlib import nullcontext

    from edgecodec.errors import EdgeCodecError
    from edgecodec.gateway.conversion import Decoded
    from edgecodec.gateway.gateway import Gateway, Rotation
    from edgecodec.gateway.logs import log_to_stderr
    from edgecodec.gateway.monitoring import Monitoring
    from edgecodec.gateway.mqtt import Broker
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
    receiving = Gateway(address, folder, _decoders(model_name, models, keys), Rotation(rotate_packets, rotate_seconds),
                        NO_NODES if nodes is None else load_nodes(nodes), observe, kind)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: receiving.stop())
    with monitoring.serving(receiving, monitor_host or "127.0.0.1", int(monitor_port)) if monitor else nullcontext():
        receiving.run()


def _decoders(model_name: str, models: Path | None, keys: Path | None) -> Decoders:
    """Those that MLflow has, or those in the folder ``models``, which are checked now."""
    if models is None:
        from edgecodec.errors import EdgeCodecError
        from edgecodec.gateway.decoders import RegisteredDecoders

        if keys is not None:
            raise EdgeCodecError(f"--keys {keys}: is for exported folders; give them by --models FOLDER")
        return RegisteredDecoders(model_name)
    from edgecodec.gateway.exported import ExportedDecoders
    from edgecodec.registry.signatures import TrustedKeys

    trusted = TrustedKeys.read(keys) if keys else TrustedKeys.find(Path())
    if trusted is None:
        typer.echo(f"warning: {models}: signatures are not checked; name the keys that you trust by --keys FILE",
                   err=True)
    decoders = ExportedDecoders(models, trusted)
    decoders.refresh()
    return decoders
