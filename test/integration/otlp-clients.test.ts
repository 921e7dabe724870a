/** Applications with the SDKs that there are, over each protocol, to an agent whose Kafka is restarted in between. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { makeHome } from '../support/agent.ts';
import { createTopic, noKafka, startKafka } from '../support/kafka.ts';
import { type ReadRecord, readRecords } from '../support/kcat.ts';
import { startOtlp } from '../support/otlp-agent.ts';
import { spansIn } from '../support/otlp-spans.ts';
import { pythonPackages } from '../support/python-packages.ts';

const SUPPORT = new URL('../support/', import.meta.url).pathname;
const PARTITIONS = 6;
const TRACES = 60;

interface Client {
  name: string;
  command: readonly string[];
  env: Record<string, string>;
}

const PROTOCOLS = ['http/protobuf', 'http/json', 'grpc'] as const;

function clientsOf(
  language: string,
  command: readonly string[],
  protocols: readonly string[],
  at: { http: string; grpc: string },
  env: Record<string, string> = {},
): Client[] {
  return protocols.flatMap((protocol) =>
    ['none', 'gzip'].map((compression) => ({
      name: `${language} ${protocol} ${compression}`,
      command: [...command, String(TRACES)],
      env: {
        ...env,
        OTEL_SERVICE_NAME: 'client',
        OTEL_TRACES_EXPORTER: 'otlp',
        OTEL_METRICS_EXPORTER: 'otlp',
        OTEL_LOGS_EXPORTER: 'none',
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://${protocol === 'grpc' ? at.grpc : at.http}`,
        OTEL_EXPORTER_OTLP_INSECURE: 'true',
        ...(compression === 'gzip' && { OTEL_EXPORTER_OTLP_COMPRESSION: compression }),
        // Several requests each.
        OTEL_BSP_SCHEDULE_DELAY: '100',
      },
    })),
  );
}

/** Gives `<trace id> <span id>` of each span that it made. */
async function run(t: TestContext, { name, command, env }: Client): Promise<string[]> {
  const [program, ...args] = command;
  const child = spawn(program!, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  let [said, errors] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const [code] = await once(child, 'close');
  assert.equal(code, 0, `${name}: ${errors}`);
  const spans = said.trim().split('\n');
  assert.equal(spans.length, 3 * TRACES, `${name}: ${errors}`);
  return spans;
}

/** Each span once, and those of a trace in one partition. */
function assertWhole(records: readonly ReadRecord[], made: readonly string[]): void {
  const partitions = new Map<string, Set<number>>();
  const found: string[] = [];
  for (const { key, value, partition, headers } of records) {
    assert.equal(headers['content-type'], 'application/x-protobuf');
    for (const { traceId, spanId } of spansIn(value!)) {
      assert.equal(String(key), traceId);
      found.push(`${traceId} ${spanId}`);
      const of = partitions.get(traceId) ?? new Set();
      partitions.set(traceId, of.add(partition));
    }
  }
  const stored = new Set(found);
  assert.deepEqual(
    made.filter((span) => !stored.has(span)),
    [],
    'spans that are not there',
  );
  assert.equal(found.length, made.length, 'spans that are there twice');
  for (const [trace, of] of partitions) assert.equal(of.size, 1, `trace ${trace} is in ${of.size} partitions`);
}

const python = pythonPackages('opentelemetry-1.45.2', [
  'opentelemetry-sdk==1.45.2',
  'opentelemetry-exporter-otlp==1.45.2',
]);

test('what SDKs send is in Kafka once, each trace in one partition, with Kafka away in between', {
  skip: noKafka,
}, async (t) => {
  await using kafka = await startKafka();
  await createTopic(kafka.brokers, 'runnel.traces', { partitions: PARTITIONS });
  await using home = await makeHome();
  const { agent, ...at } = await startOtlp(home, { kafka: { brokers: [kafka.brokers] } });
  const clients = clientsOf('node', [process.execPath, `${SUPPORT}otel-client.ts`], PROTOCOLS, at);
  if ('folder' in python) {
    const protocols = ['http/protobuf', 'grpc'];
    const command = ['python3', `${SUPPORT}otel-client.py`];
    clients.push(...clientsOf('python', command, protocols, at, { PYTHONPATH: python.folder }));
  } else t.diagnostic(`WITHOUT Python: ${python.missing}`);
  const made: string[] = [];
  const half = Math.ceil(clients.length / 2);
  for (const client of clients.slice(0, half)) made.push(...(await run(t, client)));
  await kafka.kill();
  // Nobody is refused meanwhile.
  for (const client of clients.slice(half)) made.push(...(await run(t, client)));
  await kafka.restart();
  const points = (await agent.status()).otlp.data_points;
  const status = await agent.settled(made.length + points, 120_000);
  assert.deepEqual(
    status.otlp.listeners.map(({ refused }) => refused),
    [0, 0],
  );
  assert.ok(points > 0);
  assertWhole(await readRecords(kafka.brokers, 'runnel.traces'), made);
  await agent.stop();
});

const datadog = pythonPackages('ddtrace-4.16.0', ['ddtrace==4.16.0']);

test('Datadog’s tracer for Python sends OTLP when it is told to', {
  skip: noKafka || ('missing' in datadog && datadog.missing),
}, async (t) => {
  await using home = await makeHome();
  const { agent, ...at } = await startOtlp(home);
  const [client] = clientsOf('ddtrace', ['python3', `${SUPPORT}ddtrace-client.py`], ['http/protobuf'], at, {
    PYTHONPATH: 'folder' in datadog ? datadog.folder : '',
    DD_SERVICE: 'client',
    DD_INSTRUMENTATION_TELEMETRY_ENABLED: 'false',
    DD_REMOTE_CONFIGURATION_ENABLED: 'false',
  });
  const made = await run(t, client!);
  await agent.until(({ otlp }) => otlp.spans >= made.length, 'all spans are taken');
  await agent.stop();
});
