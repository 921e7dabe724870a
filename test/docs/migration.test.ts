/** docs/migration.md: its configurations are right, and what it says of Filebeat's is what the command makes of it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fromFilebeat } from '../../src/cli/migrate/filebeat.ts';
import type { Fault } from '../../src/config/errors.ts';
import { readForeign, yamlOf } from '../../src/config/foreign.ts';
import { loadConfig } from '../../src/options.ts';
import { blocks, page } from '../support/docs-pages.ts';

const dir = mkdtempSync(join(tmpdir(), 'runnel-migration-'));
after(() => rmSync(dir, { recursive: true }));
const [theirs, ...ours] = blocks(page('docs/migration.md'), 'yaml');

async function load(text: string) {
  const path = join(dir, 'runnel.yaml');
  writeFileSync(path, text.replaceAll('/usr/lib/nagios/plugins/check_raid', '/bin/true'));
  return (await loadConfig(path, { env: { KAFKA_PASSWORD: 'x' } })).config;
}

test('each of its configurations is right', async () => {
  assert.equal(ours.length, 5);
  for (const text of ours) await load(text);
});

test("Filebeat's example becomes the one that is shown, with nothing left", async () => {
  const path = join(dir, 'filebeat.yml');
  writeFileSync(path, theirs!);
  const faults: Fault[] = [];
  const tree = await readForeign(path, faults);
  const left: string[] = [];
  const { config } = fromFilebeat(tree!, { unmapped: (name) => left.push(name), note: () => undefined });
  assert.deepEqual([faults, left], [[], []]);
  assert.deepEqual(await load(await yamlOf(config)), await load(ours[0]!));
});
