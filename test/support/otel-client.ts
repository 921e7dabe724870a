/**
 * An application with OpenTelemetry's SDK for Node, for tests: makes COUNT traces of three spans each, some metrics, and
 * says on stdout which spans it made. Everything else is in its environment, as in any application.
 *
 *   OTEL_EXPORTER_OTLP_PROTOCOL=... OTEL_EXPORTER_OTLP_ENDPOINT=... node test/support/otel-client.ts COUNT
 */
import { metrics, trace } from '@opentelemetry/api';
import { NodeSDK } from '@opentelemetry/sdk-node';

const count = Number(process.argv[2]);
const sdk = new NodeSDK();
sdk.start();
const tracer = trace.getTracer('client', '1.0.0');
const requests = metrics.getMeter('client').createCounter('requests');
let said = '';
for (let i = 0; i < count; i++) {
  tracer.startActiveSpan(`GET /${i % 5}`, (root) => {
    const spans = [root];
    tracer.startActiveSpan('query', { attributes: { 'db.system': 'postgresql', text: 'ü€😀' } }, (query) => {
      spans.push(query);
      const inner = tracer.startSpan('connect');
      spans.push(inner);
      inner.end();
      query.end();
    });
    root.end();
    for (const span of spans) {
      const { traceId, spanId } = span.spanContext();
      said += `${traceId} ${spanId}\n`;
    }
  });
  requests.add(1);
  // Exporters work meanwhile, and no queue overflows.
  if (i % 100 === 99) await new Promise((resolve) => setTimeout(resolve, 200));
}
await sdk.shutdown();
process.stdout.write(said);
