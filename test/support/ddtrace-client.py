"""The same with Datadog's tracer for Python, which sends OTLP with OTEL_TRACES_EXPORTER=otlp: COUNT traces of three spans."""
import sys
import time

from ddtrace.trace import tracer

for i in range(int(sys.argv[1])):
    with tracer.trace("GET /") as root:
        with tracer.trace("query") as query:
            with tracer.trace("connect") as connect:
                pass
    for span in (root, query, connect):
        print(f"{span.trace_id:032x} {span.span_id:016x}")
    if i % 100 == 99:
        time.sleep(0.2)
tracer.flush()
tracer.shutdown()
