/** A kind of input that the agent does not have is an entry of the table: nothing else knows of it. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent } from '../../src/agent.ts';
import { emit } from '../../src/aggregate/emit.ts';
import { loadWith } from '../../src/config/load.ts';
import { list, option, section } from '../../src/config/option.ts';
import { integer, name, topic } from '../../src/config/types.ts';
import type { Stream } from '../../src/core/batch.ts';
import type { InputKind } from '../../src/core/input.ts';
import { optionsOf } from '../../src/options.ts';
import { valueEnvelope } from '../../src/records/envelope.ts';
import { INPUTS } from '../../src/sources/all.ts';
import { Spool } from '../../src/spool/spool.ts';
import { directory } from '../support/directory.ts';
import { readAll } from '../support/spool-blocks.ts';

interface Gelf {
  topic: string;
  spans: string[];
  limit: number;
}

interface GelfStatus {
  gelf: { spans: number };
}

/** On paper: what it receives stands in its options. */
const gelf: InputKind<'gelf', Gelf, Gelf, GelfStatus> = {
  name: 'gelf',
  options: option(
    section({
      topic: option(topic('runnel.traces'), 'runnel.traces', 'Where spans go.'),
      spans: option(list(name()), [], 'What comes in.'),
      limit: option(integer(1, 10), '3', 'How many may come.'),
    }),
    {},
    'What traced applications send.',
  ),
  complete: (raw) => raw as Gelf,
  check({ gelf }, refuse) {
    if (gelf.spans.length > gelf.limit) refuse(['gelf', 'spans', gelf.limit], 'is beyond gelf.limit: raise it');
  },
  topics: ({ gelf }) => [{ topic: gelf.topic, replayable: false, path: ['gelf', 'topic'] }],
  inputs({ gelf }) {
    const topics = [{ topic: gelf.topic, replayable: false }];
    return gelf.spans.length > 0 ? [{ id: 'gelf', title: 'gelf', topics, options: gelf, about: 'spans' }] : [];
  },
  brief: () => null,
  nothing: { gelf: { spans: 0 } },
  figures: (s, to) => to.counter('gelf_spans', 'Spans received.', [], [[s.gelf.spans]]),
  lines: ({ gelf }) => [`gelf: ${gelf.spans} spans`],
  rows: () => [],
  tables: ({ gelf }) => [{ title: 'GELF', heads: ['spans'], rows: [[`${gelf.spans}`]] }],
  open: async (_, host) => ({
    async open({ id, options }) {
      const account = host.account(id);
      const key = valueEnvelope('web-1');
      const stream: Stream = {
        name: id,
        topic: options.topic,
        key: 'web-1',
        account,
        replayable: false,
        envelope: () => key,
      };
      return {
        async run(output, signal) {
          const documents = options.spans.map((span) => JSON.stringify({ span }));
          account.received += documents.length;
          await emit(output, stream, documents, new Uint8Array(documents.length).fill(1), signal);
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        },
        problems: () => ['gelf: no client has a certificate'],
        inFlight: () => 0,
        status: () => ({ spans: account.received }),
      };
    },
    problems: () => [],
    status: ([said]) => (said ? { gelf: said } : gelf.nothing),
    close: async () => undefined,
  }),
};

const KINDS = [...INPUTS, gelf] as const;

async function configured(t: TestContext, text: string) {
  const dir = directory(t);
  const path = join(dir, 'runnel.yaml');
  const rest = 'admin: {listen: 127.0.0.1:0}\nstatsd: {listen: []}\nmetrics: {host: false}\n';
  await writeFile(path, `data_dir: ${dir}/data\n${rest}${text}`);
  return { dir, path, load: () => loadWith(path, optionsOf(KINDS)) };
}

test('its options are checked, with place and remedy', async (t) => {
  const faults = async (text: string) => {
    const { load, path } = await configured(t, text);
    const error = await load().then(
      () => assert.fail('it was not refused'),
      (error: Error) => error,
    );
    return error.message.replaceAll(`${path}:`, '').split('\n');
  };
  assert.deepEqual(await faults('gelf: {limit: 11, spams: 1}\n'), [
    '5:15: gelf.limit must be from 1 to 10, not "11"',
    '5:19: unknown key spams in gelf: did you mean spans?',
  ]);
  assert.deepEqual(await faults('gelf: {limit: 1, spans: [a, b]}\n'), [
    '5:29: gelf.spans[1] is beyond gelf.limit: raise it',
  ]);
  assert.deepEqual(await faults('kafka: {brokers: k:1, delivery: exactly_once}\ngelf: {topic: runnel.positions}\n'), [
    '6:15: gelf.topic is where exactly_once keeps the positions',
  ]);
  // Its topic has its share of the memory.
  const logs = Array.from({ length: 3 }, (_, i) => `  - {include: /x/${i}, topic: t${i}}\n`).join('');
  assert.match((await faults(`buffer_memory: 8MiB\nlogs:\n${logs}`)).join(), /must be at least \d+MiB for 5 topics/);
});

test('its records are in the local log, its status, figures and problems where those of the others are', async (t) => {
  const { dir, path, load } = await configured(t, 'gelf: {spans: [one, two]}\n');
  const agent = await Agent.start({ ...(await load()), path, version: 'test', kinds: KINDS });
  let stopped: Promise<unknown> | null = null;
  const stop = () => (stopped ??= agent.stop());
  // A test that fails must not leave it running.
  t.after(stop);
  const ask = async (what: string) => (await fetch(`http://${agent.adminAddress}/${what}`)).text();
  let status = JSON.parse(await ask('status'));
  for (const deadline = Date.now() + 10_000; status.spool.records < 2; await sleep(5)) {
    assert.ok(Date.now() < deadline, JSON.stringify(status));
    status = JSON.parse(await ask('status'));
  }
  assert.deepEqual(status.gelf, { spans: 2 });
  assert.deepEqual(status.reasons, ['gelf: no client has a certificate']);
  assert.deepEqual(status.conservation.inputs.gelf.in_flight, 2);
  assert.deepEqual([status.logs, status.checks, status.statsd.listeners], [[], [], []]);
  const figures = (await ask('metrics')).split('\n');
  for (const line of ['runnel_gelf_spans_total 2', 'runnel_in_flight{input="gelf"} 2'])
    assert.ok(figures.includes(line));
  const { tables } = JSON.parse(await ask('view')) as { tables: { title: string }[] };
  assert.deepEqual(
    tables.find(({ title }) => title === 'GELF'),
    { title: 'GELF', heads: ['spans'], rows: [['2']] },
  );
  await stop();
  const options = { max_size: 1 << 30, when_full: 'block', sync: 1000 } as const;
  const spool = await Spool.open(join(dir, 'data', 'spool'), options, assert.fail);
  assert.deepEqual((await readAll(spool.partition('runnel.traces'))).values, ['{"span":"one"}', '{"span":"two"}']);
  await spool.close();
});
