/**
 * Sinks that are killed, stopped and lied to while streams roll over, and what is in the streams then: each document once.
 * A few rounds in the integration tests, many in `npm run proof -- sink`.
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { freshTopic } from './kafka.ts';
import { ask, expectOk, freshPrefix, makeStreams } from './opensearch.ts';
import { type Behaviour, OpenSearchProxy } from './opensearch-proxy.ts';
import { type Compared, compare, feed, logRecords, type SinkConfig, SinkProcess, untilConsumed } from './sink.ts';

export interface Servers {
  brokers: string;
  /** OpenSearch's. */
  url: string;
  /** For data_dirs and configurations. */
  dir: string;
  say?: (line: string) => void;
}

export interface RoundsResult extends Compared {
  documents: number;
  rollovers: number;
  [figure: string]: unknown;
}

const PARTITIONS = 4;
const STREAMS = 3;
/** Small, so that a few thousand records are many turns, bulks and windows. */
const SMALL = {
  streams: STREAMS,
  turn: 500,
  window: 6000,
  bulk: { size: '64KiB', linger: '100ms' },
  template: { install: false },
  rollover: 'none',
} as const;

interface Place {
  topic: string;
  prefix: string;
  group: string;
}

async function place({ brokers, url }: Servers, name: string, streams = STREAMS): Promise<Place> {
  const prefix = freshPrefix(name);
  const topic = await freshTopic(brokers, name, { partitions: PARTITIONS });
  // What was written is not seen before a refresh.
  await makeStreams(url, prefix, streams, { refresh: '60s', mappings: { properties: { seq: { type: 'integer' } } } });
  return { topic, prefix, group: prefix };
}

function configOf(
  { brokers, dir }: Servers,
  { topic, prefix, group }: Place,
  url: string,
  options: Record<string, unknown> = {},
): SinkConfig {
  const opensearch = { urls: [url], topics: [topic], group, stream_prefix: prefix, ...SMALL, ...options };
  return { dir, brokers, sink: { opensearch } };
}

async function rollOver(url: string, stream: string): Promise<void> {
  await expectOk(ask(url, 'POST', `/${stream}/_rollover`));
}

/**
 * One process after the other, each killed: every other one right between the answer to a bulk request and the commit,
 * after a rollover of that stream; the others at a random moment, soon after a rollover of a random stream. In the midst
 * `streams` and `turn` are changed.
 */
export async function killRounds(servers: Servers, kills: number, perKill: number): Promise<RoundsResult> {
  const { url, brokers, say } = servers;
  const at = await place(servers, 'kills', 5);
  await using proxy = await OpenSearchProxy.start(url);
  let rollovers = 0;
  let fed = 0;
  let between = 0;
  const grow = async (to: number) => {
    await feed(brokers, at.topic, logRecords(fed, to, PARTITIONS));
    fed = to;
  };
  const config = (kill: number) => configOf(servers, at, proxy.url, kill < kills / 2 ? {} : { streams: 5, turn: 300 });
  for (let kill = 0; kill < kills; kill++) {
    await grow(perKill * (kill + 1));
    const sink = await SinkProcess.start('opensearch', config(kill));
    if (kill % 2 === 0) {
      let left = 2 + (kill % 7);
      proxy.answered = async ({ stream }) => {
        if (--left !== 0) return;
        rollovers++;
        await rollOver(url, stream!);
        await sink.kill();
        between++;
      };
      await Promise.race([sink.ended, sleep(60_000).then(() => assert.fail(`no bulk request:\n${sink.log}`))]);
      proxy.answered = () => {};
    } else {
      await sink.until('it writes', ({ books }) => books.written + books.present > 0);
      await sleep(Math.random() * 1500);
      rollovers++;
      await rollOver(url, `${at.prefix}-${1 + Math.floor(Math.random() * STREAMS)}`);
      await sleep(Math.random() * 300);
      await sink.kill();
    }
    assert.equal(await sink.ended, 'SIGKILL', sink.log);
    say?.(`killed ${kill + 1} of ${kills}`);
  }
  const last = await SinkProcess.start('opensearch', config(kills));
  await untilConsumed(brokers, at.group, at.topic);
  const { books } = await last.until('all is settled', ({ books }) => books.in_flight === 0);
  assert.equal(await last.stop(), 0, last.log);
  const compared = await compare(url, `${at.prefix}-*`, fed);
  return { documents: fed, kills, between_answer_and_commit: between, rollovers, last: books, ...compared };
}

/** Several processes of a group: some are killed and started again, some frozen for longer than their session. */
export async function groupRounds(servers: Servers, rounds: number, perRound: number): Promise<RoundsResult> {
  const { url, brokers, say } = servers;
  const at = await place(servers, 'group');
  const session = 6000;
  const start = (i: number) => {
    const config = configOf(servers, at, url, { session_timeout: `${session}ms` });
    return SinkProcess.start('opensearch', { ...config, host: `host-${i}` });
  };
  const sinks = await Promise.all([0, 1, 2].map(start));
  let [fed, kills, stops, rollovers, rolling] = [0, 0, 0, 0, true];
  const roller = (async () => {
    for (; rolling; await sleep(1500)) {
      await rollOver(url, `${at.prefix}-${1 + Math.floor(Math.random() * STREAMS)}`);
      rollovers++;
    }
  })();
  const thawing: Promise<void>[] = [];
  for (let round = 0; round < rounds; round++) {
    await feed(brokers, at.topic, logRecords(fed, fed + perRound, PARTITIONS));
    fed += perRound;
    await sleep(1500 + Math.random() * 1500);
    const i = Math.floor(Math.random() * sinks.length);
    const sink = sinks[i]!;
    if (round % 3 === 2) {
      sink.child.kill('SIGSTOP');
      stops++;
      thawing.push(sleep(session * 1.3).then(() => void sink.child.kill('SIGCONT')));
    } else {
      sink.child.kill('SIGKILL');
      await sink.ended;
      kills++;
      sinks[i] = await start(i);
    }
    say?.(`round ${round + 1} of ${rounds}`);
  }
  await Promise.all(thawing);
  rolling = false;
  await roller;
  await untilConsumed(brokers, at.group, at.topic, 240_000);
  for (const sink of sinks) assert.equal(await sink.stop(), 0, sink.log);
  const compared = await compare(url, `${at.prefix}-*`, fed);
  return { documents: fed, kills, stops, rollovers, ...compared };
}

/** A server between that answers 429 and 503, cuts before and after, is late, and refuses halves, while streams roll over. */
export async function chaosRound(servers: Servers, documents: number, rollEvery = 700): Promise<RoundsResult> {
  const { url, brokers } = servers;
  const at = await place(servers, 'chaos');
  await using proxy = await OpenSearchProxy.start(url);
  proxy.behave = ({ stream }): Behaviour => {
    if (!stream) return 'pass';
    const x = Math.random();
    const faults: [number, Behaviour][] = [
      [0.1, 429],
      [0.05, 503],
      [0.12, 'cut after'],
      [0.05, 'cut before'],
      [0.05, 'late'],
      [0.12, 'half'],
    ];
    let sum = 0;
    for (const [share, behaviour] of faults) {
      sum += share;
      if (x < sum) return behaviour;
    }
    return 'pass';
  };
  const isBad = (seq: number) => seq % 1000 === 7;
  const records = logRecords(0, documents, PARTITIONS).map((record, seq) =>
    isBad(seq) ? { ...record, value: `not json ${seq}` } : record,
  );
  await feed(brokers, at.topic, records);
  const sink = await SinkProcess.start('opensearch', configOf(servers, at, proxy.url));
  let [rollovers, rolling] = [0, true];
  const roller = (async () => {
    for (; rolling; await sleep(rollEvery)) await rollOver(url, `${at.prefix}-${1 + (rollovers++ % STREAMS)}`);
  })();
  await untilConsumed(brokers, at.group, at.topic, 240_000).finally(() => {
    rolling = false;
  });
  await roller;
  const { books } = await sink.until('all is settled', ({ books }) => books.in_flight === 0);
  // What is late is looked for at the stop, too.
  await proxy.lateDone();
  assert.equal(await sink.stop(), 0, sink.log);
  const compared = await compare(url, `${at.prefix}-*`, documents, isBad);
  const bad = records.filter((_, seq) => isBad(seq)).length;
  assert.equal(books.dead_letter, bad);
  return { documents, bad, rollovers, chaos: proxy.counts, books, ...compared };
}
