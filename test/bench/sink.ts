/**
 * The sink to data streams: against a server that answers without looking, its CPU beside `kcat -C` on the same topic (what
 * reading alone costs a program in C); against OpenSearch, its CPU beside OpenSearch's.
 *
 * ECS documents of some 430 bytes, 8 partitions, zstd. The sink's CPU is that of its whole process from its start until all
 * is written; `net` is without what one takes that writes one record.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTopic } from '../support/kafka.ts';
import { makeStreams, noOpenSearch, startOpenSearch } from '../support/opensearch.ts';
import { SinkProcess } from '../support/sink.ts';
import { type Bench, type Figure, median, progress } from './bench.ts';
import { cpuSeconds, memoryMb } from './proc.ts';

const PARTITIONS = 8;
const STREAMS = 4;
/** OpenSearch takes 30 times as long as the sink. */
const INDEXED = 300_000;
const LIMIT_MS = 120_000;
/** Each costs the sink a millisecond. */
const POLL_MS = 100;

interface SinkRun {
  cpu: number;
  seconds: number;
  peakMb: number;
}

export async function sink(bench: Bench): Promise<Figure[]> {
  const records = bench.lines;
  const topic = await filled(bench, 'sink-all', records);
  const one = await filled(bench, 'sink-one', 1);
  const names = Array.from({ length: STREAMS }, (_, i) => `ds-${i + 1}`).join(',');
  const none = spawn(process.execPath, [new URL('null-opensearch.mjs', import.meta.url).pathname, names], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [started, sinks, kcats]: [number[], SinkRun[], number[]] = [[], [], []];
  try {
    const [port] = await once(none.stdout!, 'data');
    const url = `http://127.0.0.1:${Number(port)}`;
    for (let run = 1; run <= bench.runs; run++) {
      started.push((await runSink(bench, url, one, 1)).cpu);
      kcats.push(await readByKcat(bench, topic));
      sinks.push(await runSink(bench, url, topic, records));
      const cost = (cpu: number) => ((cpu * 1e6) / records).toFixed(2);
      progress(`sink ${run}/${bench.runs}: ${cost(sinks.at(-1)!.cpu)}, kcat ${cost(kcats.at(-1)!)} CPU-s a million`);
    }
  } finally {
    none.kill();
  }
  const million = records / 1e6;
  const [begin, theirs] = [median(started), median(kcats) / million];
  const costs = sinks.map(({ cpu }) => cpu / million);
  const nets = sinks.map(({ cpu }) => (cpu - begin) / million);
  return [
    { name: 'sink: CPU until one record is written', value: begin, unit: 'CPU-s', runs: started },
    { name: 'sink, nobody indexes', value: median(costs), unit: 'CPU-s/M', runs: costs },
    { name: 'sink, nobody indexes, net of its start', value: median(nets), unit: 'CPU-s/M', runs: nets },
    { name: 'kcat -C', value: theirs, unit: 'CPU-s/M', runs: kcats.map((cpu) => cpu / million) },
    { name: 'sink net / kcat', value: median(nets) / theirs, unit: '', at_most: 2.3 },
    {
      name: 'sink, nobody indexes',
      value: median(sinks.map(({ seconds }) => records / seconds / 1000)),
      unit: 'k records/s',
    },
    { name: 'sink', value: median(sinks.map(({ peakMb }) => peakMb)), unit: 'MB at most', at_most: 250 },
    ...(await beside(bench)),
  ];
}

/** With an OpenSearch that indexes. */
async function beside(bench: Bench): Promise<Figure[]> {
  if (noOpenSearch) {
    progress(`sink beside OpenSearch is left out: ${noOpenSearch}`);
    return [];
  }
  await using opensearch = await startOpenSearch({ heapMb: 1024 });
  await makeStreams(opensearch.url, 'ds', STREAMS, { refresh: '5s' });
  const topic = await filled(bench, 'sink-some', INDEXED);
  const before = cpuSeconds(opensearch.pid).total;
  const run = await runSink(bench, opensearch.url, topic, INDEXED);
  const theirs = cpuSeconds(opensearch.pid).total - before;
  const million = INDEXED / 1e6;
  return [
    { name: 'sink, OpenSearch indexes', value: run.cpu / million, unit: 'CPU-s/M' },
    { name: 'OpenSearch', value: theirs / million, unit: 'CPU-s/M' },
    { name: "sink's share of OpenSearch's CPU", value: (run.cpu / theirs) * 100, unit: '%', at_most: 10 },
    { name: 'sink, OpenSearch indexes', value: INDEXED / run.seconds / 1000, unit: 'k records/s' },
  ];
}

async function runSink(bench: Bench, url: string, topic: string, records: number): Promise<SinkRun> {
  const dir = join(bench.dir, `sink-${randomBytes(4).toString('hex')}`);
  mkdirSync(dir);
  const options = {
    urls: [url],
    topics: [topic],
    group: `${topic}-${randomBytes(4).toString('hex')}`,
    streams: STREAMS,
  };
  const opensearch = { ...options, stream_prefix: 'ds', template: { install: false }, rollover: 'none' };
  const process = await SinkProcess.start('opensearch', {
    dir,
    brokers: bench.kafka.brokers,
    main: bench.main,
    sink: { opensearch },
  });
  const began = performance.now();
  let first = 0;
  for (;;) {
    const status = await process.status();
    if (first === 0 && (status?.books.read ?? 0) > 0) first = performance.now();
    if (status && status.books.written + status.books.present >= records) break;
    if (performance.now() - began > LIMIT_MS || !process.isRunning) throw new Error(`it does not end: ${process.log}`);
    await sleep(POLL_MS);
  }
  const seconds = (performance.now() - first) / 1000;
  const pid = process.child.pid!;
  const result = { cpu: cpuSeconds(pid).total, seconds, peakMb: memoryMb(pid).peak };
  await process.stop();
  return result;
}

/** The CPU seconds of `kcat -C`, as the shell's `time` says. */
async function readByKcat({ kafka }: Bench, topic: string): Promise<number> {
  const args = ['-C', '-b', kafka.brokers, '-t', topic, '-q', '-e', '-o', 'beginning', '-X', 'check.crcs=true'];
  const shell = spawn('bash', ['-c', 'TIMEFORMAT="%3U %3S"; time kcat "$@" > /dev/null', 'bash', ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  shell.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const [code] = await once(shell, 'close');
  if (code !== 0) throw new Error(`kcat ended with ${code}: ${said}`);
  const [user, system] = said.trim().split('\n').at(-1)!.split(' ').map(Number) as [number, number];
  return user + system;
}

/** A topic with so many documents, by kcat. */
async function filled({ kafka, dir }: Bench, name: string, records: number): Promise<string> {
  await createTopic(kafka.brokers, name, { partitions: PARTITIONS });
  const file = join(dir, `${name}.ndjson`);
  const out = createWriteStream(file);
  for (let i = 0; i < records; ) {
    let text = '';
    for (const end = Math.min(records, i + 5000); i < end; i++) text += `${document(i)}\n`;
    if (!out.write(text)) await once(out, 'drain');
  }
  await once(out.end(), 'finish');
  const args = ['-P', '-b', kafka.brokers, '-t', name, '-z', 'zstd', '-X', 'compression.level=1', '-l', file];
  const kcat = spawn('kcat', [...args, '-X', 'batch.size=500000', '-X', 'sticky.partitioning.linger.ms=20'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = await once(kcat, 'close');
  if (code !== 0) throw new Error(`kcat ended with ${code}`);
  return name;
}

/** Some 430 bytes, as the agent writes them. */
function document(i: number): string {
  const id = ((i * 2_654_435_761) % 4_294_967_296).toString(16).padStart(8, '0');
  const line = `10.${i % 256}.${(i * 7) % 256}.${(i * 13) % 256} - - "GET /api/v1/items/${id}?page=${i % 97} HTTP/1.1" 200 ${i % 65_536} "-" "Mozilla/5.0 (X11; Linux x64)" ${id}`;
  return `{"@timestamp":"2026-11-30T08:00:00.${String(i % 1000).padStart(3, '0')}Z","message":${JSON.stringify(line)},"log":{"file":{"path":"/var/log/nginx/access.log","id":"f25c42e4629308bb"},"offset":${i * 170},"length":170},"host":{"name":"web-${i % 20}"},"event":{"dataset":"nginx"},"labels":{"env":"prod","team":"shop"}}`;
}
