import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
// @ts-expect-error a script, without types
import { render } from '../../scripts/generate-config.mjs';
import { type Loaded, loadConfig } from '../../src/options.ts';

const rendered: Record<string, string> = render();
const dir = await mkdtemp(join(tmpdir(), 'runnel-generated-'));
after(() => rm(dir, { recursive: true }));

async function load(text: string): Promise<Loaded> {
  const path = join(dir, 'runnel.yaml');
  await writeFile(path, text);
  return loadConfig(path, { env: { KAFKA_PASSWORD: 'x', OPENSEARCH_PASSWORD: 'x', REDIS_PASSWORD: 'x' } });
}

/** Takes one # from every line that is an option. */
const uncommented = (text: string) => text.replace(/^#(?! \S)/gm, '');

for (const [path, text] of Object.entries(rendered)) {
  test(`${path} is what it is made from says; if not: npm run generate`, () => {
    assert.equal(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'), text);
  });
}

test('the sample as it is gives every default', async () => {
  assert.deepEqual((await load(rendered['config/runnel.yaml']!)).config, (await load('')).config);
});

test('the sample uncommented is valid, and what it says are the defaults', async () => {
  const { config } = await load(uncommented(rendered['config/runnel.yaml']!));
  const defaults = (await load('')).config;
  // Lists show an example.
  const { forward, mappings, drop_tags, allow, deny } = defaults.statsd;
  assert.deepEqual({ ...config.statsd, forward, mappings, drop_tags, allow, deny }, defaults.statsd);
  assert.deepEqual(config.spool, defaults.spool);
  const { host } = defaults.metrics;
  assert.ok(host !== false && config.metrics.host !== false);
  const shown = { ...config.metrics.host, processes: host.processes, systemd: host.systemd };
  assert.equal(config.metrics.checks[0]?.type, 'tcp');
  assert.deepEqual({ ...config.metrics, checks: [], host: shown }, defaults.metrics);
  assert.equal(config.buffer_memory, defaults.buffer_memory);
  const { brokers: _, tls, sasl, ...kafka } = config.kafka;
  const { brokers: __, ...kafkaDefaults } = defaults.kafka;
  assert.deepEqual(kafka, kafkaDefaults);
  assert.equal(tls?.insecure, false);
  assert.equal(sasl?.password, 'x');
  const [log] = config.logs;
  const [bare] = (await load('logs: [{name: nginx, include: /var/log/nginx/*.log}]')).config.logs;
  // Multiline is only there when it is wanted: the sample shows an example.
  const { multiline, ...plain } = log!;
  assert.equal(multiline?.max_lines, 500);
  assert.deepEqual({ ...plain, exclude: [], tags: {}, process: [], mask: [], masks: [] }, bare);
});

test('the example of conf.d is valid, commented or not', async () => {
  const text = readFileSync(new URL('../../config/conf.d/example.yaml', import.meta.url), 'utf8');
  assert.deepEqual((await load(text)).config.logs, []);
  assert.equal((await load(uncommented(text))).config.logs[0]?.name, 'nginx');
});

test('the JSON Schema allows no unknown keys and documents every option', () => {
  const visit = (node: Record<string, unknown>, path: string): void => {
    const { properties } = node as { properties?: Record<string, Record<string, unknown>> };
    if (properties) assert.equal(node.additionalProperties, false, path);
    for (const [key, child] of Object.entries(properties ?? {})) {
      assert(typeof child.description === 'string' && child.description.length > 5, `${path}.${key}`);
      visit(child, `${path}.${key}`);
    }
    for (const inner of (node.anyOf as Record<string, unknown>[] | undefined) ?? []) visit(inner, path);
    if (node.items) visit(node.items as Record<string, unknown>, `${path}[]`);
  };
  visit(JSON.parse(rendered['config/runnel.schema.json']!), '');
});
