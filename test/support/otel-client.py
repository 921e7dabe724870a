"""The same with OpenTelemetry's SDK for Python: COUNT traces of three spans each, which it names on stdout.

OTEL_EXPORTER_OTLP_PROTOCOL=... OTEL_EXPORTER_OTLP_ENDPOINT=... PYTHONPATH=... python3 otel-client.py COUNT
"""
import os
import sys
import time

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

if os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"] == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

provider = TracerProvider(resource=Resource.create({"service.name": "python"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
tracer = provider.get_tracer("client")
for i in range(int(sys.argv[1])):
    with tracer.start_as_current_span("GET /") as root:
        with tracer.start_as_current_span("query") as query:
            with tracer.start_as_current_span("connect") as connect:
                pass
    for span in (root, query, connect):
        context = span.get_span_context()
        print(f"{context.trace_id:032x} {context.span_id:016x}")
    if i % 100 == 99:
        time.sleep(0.2)
provider.shutdown()
