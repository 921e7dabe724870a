/**
 * The same with Datadog's tracer for Node, which sends OTLP with OTEL_TRACES_EXPORTER=otlp: COUNT traces of three spans.
 *
 *   node test/support/ddtrace-client.mjs FOLDER COUNT       FOLDER has it in its node_modules
 */
import { createRequire } from 'node:module';

const tracer = createRequire(`${process.argv[2]}/`)('dd-trace').init({ startupLogs: false });
const count = Number(process.argv[3]);
let said = '';
for (let i = 0; i < count; i++) {
  const root = tracer.startSpan('web.request', { tags: { 'resource.name': `GET /${i % 5}`, 'span.kind': 'server' } });
  const query = tracer.startSpan('pg.query', { childOf: root, tags: { 'span.kind': 'client' } });
  const connect = tracer.startSpan('connect', { childOf: query });
  for (const span of [connect, query, root]) span.finish();
  for (const span of [root, query, connect]) {
    said += `${span.context().toTraceId(true)} ${span.context().toSpanId(true)}\n`;
  }
  if (i % 10 === 9) await new Promise((resolve) => setTimeout(resolve, 50));
}
process.stdout.write(said);
