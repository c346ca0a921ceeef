"""One trace from the OpenTelemetry SDK, which has no exporter of Sentry's: plain OTLP over HTTP."""

import os
import sys
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

dsn = urlsplit(os.environ["SENTRY_DSN"])
host = dsn.netloc.rsplit("@", 1)[-1]
project = dsn.path.rsplit("/", 1)[-1]
exporter = OTLPSpanExporter(
    endpoint=f"{dsn.scheme}://{host}/api/{project}/integration/otlp/v1/traces",
    headers={"x-sentry-auth": f"sentry sentry_key={dsn.username}"},
)
provider = TracerProvider(resource=Resource.create({"service.name": "shop-otel"}))
provider.add_span_processor(SimpleSpanProcessor(exporter))
tracer = provider.get_tracer("shop")
with tracer.start_as_current_span(f"GET /checkout {sys.argv[1]}") as span:
    with tracer.start_as_current_span("SELECT orders"):
        pass
    print(format(span.get_span_context().trace_id, "032x"))
provider.shutdown()
