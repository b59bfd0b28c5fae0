"""``edgecodec gateway``: packets from MQTT or Kafka become windows in Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from edgecodec.gateway.kafka import Cluster
    from edgecodec.gateway.mqtt import Broker
    from edgecodec.gateway.versions import Decoders

MQTT_TOPIC = "edgecodec/+/packets"


def gateway(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the files go.")],
    broker: Annotated[str | None, typer.Option(
        metavar="HOST[:PORT]", show_default=False, help="The MQTT broker. [default: localhost]")] = None,
    kafka: Annotated[str | None, typer.Option(
        metavar="HOST[:PORT],...", show_default=False, help="Brokers of Kafka, instead of one of MQTT.")] = None,
    topic: Annotated[str | None, typer.Option(
        show_default=False, help="One packet per message; wildcards as in MQTT, none with Kafka. [default with MQTT: "
                                 f"{MQTT_TOPIC}]")] = None,
    group: Annotated[str | None, typer.Option(
        show_default=False, help="Of gateways that share the partitions of a topic of Kafka.")] = None,
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
    password: Annotated[str | None, typer.Option(
        envvar=["EDGECODEC_MQTT_PASSWORD", "EDGECODEC_KAFKA_PASSWORD"], help="For the broker.")] = None,
    monitor: Annotated[str | None, typer.Option(
        metavar="[HOST:]PORT", show_default=False,
        help="Serve /metrics for Prometheus, /healthz and /readyz there. [default host: 127.0.0.1]")] = None,
    log: Annotated[Literal["text", "json"], typer.Option(help="What the log's lines are.")] = "text",
    show: Annotated[bool, typer.Option("--print", help="Print a line of JSON for every window, too.")] = False,
) -> None:
    """Receive packets from MQTT or Kafka until SIGTERM or Ctrl-C; write windows as Parquet, keep what is not decoded.

    The version of the model that has a packet's model id decodes it. Exported folders are checked before they are used,
    signature and every byte; one that does not pass is refused. The table of nodes says which nodes send frames,
    of which versions, and how often a window begins. Files are whole when they appear. A folder belongs to one gateway;
    several share the work with folders of their own and the topic '$share/GROUP/edgecodec/+/packets', or, with Kafka,
    one group.
    """
    import json
    import signal
    from contextlib import nullcontext

    from edgecodec.errors import EdgeCodecError
    from edgecodec.gateway.conversion import Decoded
    from edgecodec.gateway.gateway import Gateway, Rotation
    from edgecodec.gateway.logs import log_to_stderr
    from edgecodec.gateway.monitoring import Monitoring
    from edgecodec.gateway.nodes import NO_NODES, load_nodes

    address = (_broker(broker or "localhost", topic, group, client_id, tls, username, password) if kafka is None
               else _cluster(kafka, broker, topic, group, client_id, tls, username, password))
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
    receiving = Gateway(address, folder, _decoders(model_name, models, keys), Rotation(rotate_packets, rotate_seconds),
                        NO_NODES if nodes is None else load_nodes(nodes), observe, kind)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: receiving.stop())
    with monitoring.serving(receiving, monitor_host or "127.0.0.1", int(monitor_port)) if monitor else nullcontext():
        receiving.run()


def _broker(broker: str, topic: str | None, group: str | None, client_id: str | None, tls: bool, username: str | None,
            password: str | None) -> Broker:
    """
    Raises:
        EdgeCodecError: the options do not fit MQTT.
    """
    from edgecodec.errors import EdgeCodecError
    from edgecodec.gateway.mqtt import Broker

    if group is not None:
        raise EdgeCodecError(f"--group {group}: is for --kafka; gateways on MQTT share --topic '$share/{group}/TOPIC'")
    host, port = _host_and_port("--broker", broker)
    return Broker(host, int(port or ("8883" if tls else "1883")), topic or MQTT_TOPIC, client_id, tls, username,
                  password)


def _cluster(kafka: str, broker: str | None, topic: str | None, group: str | None, client_id: str | None, tls: bool,
             username: str | None, password: str | None) -> Cluster:
    """
    Raises:
        EdgeCodecError: the options do not fit Kafka.
    """
    from edgecodec.errors import EdgeCodecError
    from edgecodec.gateway.kafka import Cluster

    if broker is not None:
        raise EdgeCodecError(f"--broker {broker}: is for MQTT; give either it or --kafka")
    if not topic or set(topic) & set("/+#$"):
        raise EdgeCodecError(f"--topic {topic or 'is missing'}: name one topic of Kafka, without wildcards")
    if not group:
        raise EdgeCodecError("--group is missing: name the group of gateways that share the topic, new or present")
    for each in kafka.split(","):
        _host_and_port("--kafka", each)
    return Cluster(kafka, topic, group, client_id, tls, username, password)


def _host_and_port(option: str, address: str) -> tuple[str, str]:
    """The port may be absent.

    Raises:
        EdgeCodecError: it is no address.
    """
    from edgecodec.errors import EdgeCodecError

    host, _, port = address.partition(":")
    if not host or not (port or "0").isdigit():
        raise EdgeCodecError(f"{option} {address}: give it as HOST or HOST:PORT")
    return host, port


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
