/** The cases of other implementations' tests that concern the DogStatsD listener, each run through the grammar. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { explainStatsd } from '../../../src/cli/explain-statsd.ts';

interface Case {
  id: string;
  set: string;
  in: string;
  out: Record<string, unknown>;
  opts?: Record<string, unknown>;
}

/** Where runnel means to differ from the implementation that the case was taken from. */
const DIFFERENT: Record<string, Record<string, unknown>> = {
  // A rate outside of (0, 1] has no meaning: rejected.
  DC014: { error: true },
  DC015: { error: true },
  // A message may contain a bar.
  DC022: { sc: { name: 'agent.up', status: 'ok', message: 'foo|bar' } },
  // Timestamps are always read.
  DM029: { name: 'metric', type: 'g', value: 1234, tags: ['onetag'], ts: 1657100430 },
  // There is no copy of histograms to distributions.
  DP008: { samples: [{ name: 'daemon', type: 'h', value: 666 }] },
};

const cases = readFileSync(new URL('../../conformance/statsd.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Case)
  .filter((c) => c.set === 'dogstatsd' || c.set.startsWith('dogstatsd-'));

for (const c of cases) {
  test(`${c.id}: ${JSON.stringify(c.in)}`, () => {
    const expected = DIFFERENT[c.id] ?? c.out;
    const got = explainStatsd(c.in);
    if (expected.error === true) {
      assert.equal(got.errors.length, 1);
      assert.equal(got.samples.length + got.events.length + got.service_checks.length, 0);
    } else if (expected.event) {
      compareEvent(got.events[0]!, expected.event as Record<string, unknown>);
    } else if (expected.sc) {
      compareEvent(got.service_checks[0]!, expected.sc as Record<string, unknown>);
    } else if (expected.samples || expected.serviceChecks) {
      assert.equal(got.errors.length, expected.errors ?? 0);
      assert.equal(got.service_checks.length, expected.serviceChecks ?? 0);
      const samples = got.samples.flatMap(spread);
      const wanted = (expected.samples ?? []) as Record<string, unknown>[];
      assert.equal(samples.length, wanted.length);
      wanted.forEach((w, i) => {
        compareSample(samples[i]!, w);
      });
    } else {
      assert.deepEqual(got.errors, []);
      compareSample(got.samples[0]!, expected);
    }
  });
}

/** A sample a value. */
function spread(sample: Record<string, unknown>): Record<string, unknown>[] {
  const { values, ...rest } = sample;
  return values ? (values as number[]).map((value) => ({ ...rest, value })) : [sample];
}

function compareSample(got: Record<string, unknown>, expected: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(expected)) {
    if (key === 'tags') assert.deepEqual(got.tags ?? {}, tags(value as string[]));
    else if (key === 'ts') assert.equal(got.timestamp, value);
    else if (key === 'containerId') assert.equal(got.container, value);
    else if (key === 'external') {
      const { init, containerName, podUid } = value as Record<string, unknown>;
      assert.deepEqual(got.external, { init, container: containerName, pod: podUid });
    } else if (key === 'host' && value === 'default-hostname') assert.equal(got.host, undefined);
    else assert.deepEqual(got[key], value, key);
  }
}

const NAMES: Record<string, string> = {
  ts: 'timestamp',
  alertType: 'alert_type',
  aggregationKey: 'aggregation_key',
  sourceType: 'source',
};

/** What the agent fills in, an event that does not say it leaves out. */
const DEFAULTS: Record<string, unknown> = { ts: 0, priority: 'normal', alertType: 'info', message: '' };

function compareEvent(got: Record<string, unknown>, expected: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(expected)) {
    if (key === 'tags') assert.deepEqual(got.tags ?? {}, tags(value as string[]));
    else assert.deepEqual(got[NAMES[key] ?? key] ?? DEFAULTS[key], value, key);
  }
}

function tags(list: string[]): Record<string, string> {
  return Object.fromEntries(list.map((tag) => (tag.includes(':') ? tag.split(/:(.*)/s).slice(0, 2) : [tag, ''])));
}
