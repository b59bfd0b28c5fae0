"""Figures of a gateway for Prometheus, and whether it is well, over HTTP::

    /metrics    what came, what is missing, what the nodes say of their windows, which of them drift
    /healthz    200 while it runs
    /readyz     200 while it is connected and subscribed
"""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pyarrow
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import ThreadingWSGIServer

from edgecodec.errors import EdgeCodecError
from edgecodec.gateway.alarms import alarms_for, ringing
from edgecodec.gateway.conversion import Decoded
from edgecodec.gateway.gateway import Gateway
from edgecodec.gateway.journal import journals

PERCENT = (0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10, 15, 20, 30, 50, 100)  # bounds of the histogram of errors
log = logging.getLogger("edgecodec.gateway")
_OK, _UNWELL, _NOT_FOUND = "200 OK", "503 Service Unavailable", "404 Not Found"


class Monitoring:
    """Of one gateway. :meth:`observe` wants every window that it decodes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._registry = CollectorRegistry()
        registry, by_node = self._registry, ("node",)
        self._windows = Counter("edgecodec_windows", "Windows that were decoded.", ("node", "version", "rate"),
                                registry=registry)
        self._errors = Histogram("edgecodec_estimated_error_percent", "As the nodes estimate it.", by_node,
                                 buckets=PERCENT, registry=registry)
        self._unlike = Counter("edgecodec_unlike_windows", "Windows unlike those of the training.", by_node,
                               registry=registry)
        self._faulty = Gauge("edgecodec_faulty_channels", "Of the newest window.", by_node, registry=registry)
        self._arrival = Gauge("edgecodec_arrival_timestamp_seconds", "Of the newest window.", by_node,
                              registry=registry)

    def observe(self, decoded: Decoded) -> None:
        node = decoded.node or decoded.received.topic
        self._windows.labels(node, decoded.version, str(decoded.rate)).inc()
        if not math.isnan(decoded.estimated_error):
            self._errors.labels(node).observe(decoded.estimated_error)
        self._unlike.labels(node).inc(decoded.unlike_training)
        self._faulty.labels(node).set(len(decoded.faulty))
        self._arrival.labels(node).set(decoded.received.time.timestamp())

    @contextmanager
    def serving(self, gateway: Gateway, host: str, port: int) -> Iterator[int]:
        """Answer in a thread of its own; the port, which is another one if ``port`` is 0.

        Raises:
            EdgeCodecError: the port cannot be had.
        """
        self._registry.register(_Traffic(gateway, self._folder))
        self._registry.register(_Alarms(self._folder))
        try:
            server = make_server(host, port, self._application(gateway), ThreadingWSGIServer, _Silent)
        except OSError as error:
            raise EdgeCodecError(f"--monitor {host}:{port}: {error.strerror}; give another port") from None
        serving = Thread(target=server.serve_forever, name="monitoring", daemon=True)
        serving.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            server.server_close()

    def _application(self, gateway: Gateway) -> Callable[..., Iterable[bytes]]:
        metrics: Callable[..., Iterable[bytes]] = make_wsgi_app(self._registry)
        checks = {"/healthz": lambda: not gateway.has_stopped, "/readyz": lambda: gateway.is_connected}

        def answer(environment: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            path = environment["PATH_INFO"]
            if path == "/metrics":
                return metrics(environment, start_response)
            status = _NOT_FOUND if path not in checks else _OK if checks[path]() else _UNWELL
            start_response(status, [("Content-Type", "text/plain")])
            return [f"{status}\n".encode()]

        return answer


class _Traffic:
    """What the gateway counts by itself, as it stands when asked."""

    def __init__(self, gateway: Gateway, folder: Path) -> None:
        self._gateway = gateway
        self._folder = folder

    def collect(self) -> Iterator[Metric]:
        traffic = self._gateway.traffic
        for each in fields(traffic):
            kind = GaugeMetricFamily if each.name == "missing" else CounterMetricFamily  # late ones are missing no more
            yield kind(f"edgecodec_traffic_{each.name}", "Packets; see docs/gateway.md.", getattr(traffic, each.name))
        yield GaugeMetricFamily("edgecodec_connected", "To the broker: 1 or 0.", float(self._gateway.is_connected))
        yield GaugeMetricFamily("edgecodec_journals", "That are not converted yet, with the one that is being written.",
                                len(journals(self._folder)))
        yield GaugeMetricFamily("edgecodec_disk_free_bytes", "Where the files go.",
                                shutil.disk_usage(self._folder).free)


class _Alarms:
    """The fleet's, as they were recorded last."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterator[Metric]:
        table = alarms_for(self._folder)
        if table is None:
            return
        alarm = GaugeMetricFamily("edgecodec_alarm", "A drift: 1 while it goes on.", labels=("node", "signal"))
        try:
            for labels, goes_on in ringing(table).items():
                alarm.add_metric(labels, float(goes_on))
            recorded = table.stat().st_mtime
        except (OSError, pyarrow.ArrowException) as error:  # the other figures are told all the same
            log.warning("%s: cannot be read (%s); run `edgecodec fleet alarms --record` again", table, error)
            return
        yield alarm
        yield GaugeMetricFamily("edgecodec_alarms_timestamp_seconds", "When alarms were recorded last.", recorded)


class _Silent(WSGIRequestHandler):
    """Does not log every request."""

    def log_message(self, *_: Any) -> None:
        pass
