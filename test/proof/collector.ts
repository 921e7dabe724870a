/**
 * The OpenTelemetry Collector as what stands behind Kafka, with the recipe of docs/tracing.md: it reads all that the agent
 * has taken, be it with faults in it, and stops at nothing. It is built of its modules from Go's proxy, once, which takes
 * minutes.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parse, stringify } from 'yaml';
import { makeHome } from '../support/agent.ts';
import { randomOf } from '../support/json-mutants.ts';
import { createTopic, freshTopic, noKafka, sharedKafka } from '../support/kafka.ts';
import { goProgram } from '../support/otel-go.ts';
import { post, startOtlp } from '../support/otlp-agent.ts';
import { traceBatch } from '../support/otlp-batches.ts';
import { type Decoded, decodeRequest, encodeRequest, type Signal } from '../support/otlp-decoder.ts';
import { mutated } from '../support/otlp-fuzz.ts';
import { itemsOf, type Random, randomRequest } from '../support/otlp-requests.ts';
import { eventually } from '../support/until.ts';

const SIGNALS: readonly Signal[] = ['traces', 'metrics', 'logs'];
const OTELCOL = new URL('../support/otelcol/', import.meta.url).pathname;
const PAGE = new URL('../../docs/tracing.md', import.meta.url);

/** What the Collector has sent on. */
class Behind implements AsyncDisposable {
  readonly items: Record<Signal, number> = { traces: 0, metrics: 0, logs: 0 };
  readonly spans: string[] = [];
  readonly #server: Server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const signal = SIGNALS.find((one) => request.url === `/v1/${one}`)!;
      this.#take(signal, decodeRequest(signal, Buffer.concat(pieces)));
      response.setHeader('content-type', 'application/x-protobuf');
      response.end();
    });
  });

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  #take(signal: Signal, request: Decoded): void {
    this.items[signal] += countOf(request);
    if (signal === 'traces') this.spans.push(...itemsOf(request));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** Spans, data points, log records. */
function countOf(request: Decoded): number {
  let count = 0;
  for (const inResource of Object.values<Decoded>(request).flat()) {
    for (const { spans, logRecords, metrics } of inResource.scopeSpans ??
      inResource.scopeMetrics ??
      inResource.scopeLogs) {
      count += (spans ?? logRecords ?? []).length;
      for (const { gauge, sum, histogram, exponentialHistogram, summary } of metrics ?? []) {
        count += (gauge ?? sum ?? histogram ?? exponentialHistogram ?? summary)?.dataPoints.length ?? 0;
      }
    }
  }
  return count;
}

/** The receiver as the page has it, with these brokers and topics. */
function configOf(brokers: string, prefix: string, port: number): string {
  const recipe = /```yaml\n(receivers:[\s\S]*?)```/.exec(readFileSync(PAGE, 'utf8'))![1]!;
  const { receivers } = parse(recipe.replaceAll('runnel.', `${prefix}.`));
  Object.assign(receivers.kafka, { brokers: [brokers], initial_offset: 'earliest' });
  const pipeline = { receivers: ['kafka'], exporters: ['otlp_http'] };
  return stringify({
    receivers,
    // With a queue of its own it leaves out what comes while that is full.
    exporters: {
      otlp_http: { endpoint: `http://127.0.0.1:${port}`, compression: 'none', sending_queue: { enabled: false } },
    },
    service: {
      telemetry: { metrics: { level: 'none' } },
      pipelines: Object.fromEntries(SIGNALS.map((signal) => [signal, pipeline])),
    },
  });
}

/** So many requests with faults of each signal, of which the agent takes some, beside some without. */
export async function proveCollector(seed: number, requests: number): Promise<string> {
  if (noKafka) throw new Error(noKafka);
  const otelcol = goProgram('otelcol', OTELCOL);
  if ('missing' in otelcol) return `collector: NOT RUN: ${otelcol.missing}`;
  const random: Random = randomOf(seed);
  await using kafka = await sharedKafka();
  const prefix = await freshTopic(kafka.brokers, 'collector-proof');
  for (const name of ['traces', 'otlp-metrics', 'otlp-logs']) {
    await createTopic(kafka.brokers, `${prefix}.${name}`, { partitions: 3 });
  }
  await using home = await makeHome();
  const config = { kafka: { brokers: [kafka.brokers], topic_prefix: prefix } };
  const { agent, http } = await startOtlp(home, config);
  const wanted: string[] = [];
  for (let i = 0; i < 20; i++) {
    const body = encodeRequest('traces', traceBatch(100));
    assert.equal((await post(http, body)).code, 200);
    wanted.push(...itemsOf(decodeRequest('traces', body)));
  }
  const answers: Record<number, number> = {};
  for (let i = 0; i < requests; i++) {
    for (const signal of SIGNALS) {
      const body = mutated(encodeRequest(signal, randomRequest(signal, random)), random);
      const { code } = await post(http, body, {}, `/v1/${signal}`);
      answers[code] = (answers[code] ?? 0) + 1;
    }
  }
  const status = await agent.until(({ conservation }) => conservation.total.in_flight === 0, 'all is in Kafka');
  const { spans, data_points, log_records } = status.otlp;
  await using behind = new Behind();
  const file = home.path('otelcol.yaml');
  writeFileSync(file, configOf(kafka.brokers, prefix, await behind.listen()));
  const child: ChildProcess = spawn(otelcol.program, ['--config', `file:${file}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  try {
    const all = { traces: spans, metrics: data_points, logs: log_records };
    await eventually(
      'the Collector has read all',
      async () => {
        assert.equal(child.exitCode, null, said);
        return SIGNALS.every((signal) => behind.items[signal] >= all[signal]);
      },
      120_000,
    ).catch((error) => {
      throw new Error(`${JSON.stringify(behind.items)} of ${JSON.stringify(all)} was read\n${said}`, { cause: error });
    });
    assert.deepEqual(behind.items, all);
    assert.doesNotMatch(said, /unmarshal/);
    const read = new Set(behind.spans);
    assert.deepEqual(
      wanted.filter((span) => !read.has(span)),
      [],
      'spans that came without faults are read as they were sent',
    );
    await agent.stop();
    return `collector: ${JSON.stringify(answers)} answered, ${JSON.stringify(all)} read, seed ${seed}: nothing stops it`;
  } finally {
    child.kill('SIGTERM');
  }
}
