/** Checks of the configuration, as a configuration makes them, and servers that they ask. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Found } from '../../src/checks/custom/collector.ts';
import type { CustomCheckConfig } from '../../src/checks/custom/options.ts';
import { CustomRunner } from '../../src/checks/custom/runner.ts';
import { loadConfig } from '../../src/options.ts';

export async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'runnel-check-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** As it is read from a configuration. */
export async function runner(t: TestContext, check: Record<string, unknown>): Promise<CustomRunner> {
  const file = join(await folder(t), 'runnel.yaml');
  writeFileSync(file, JSON.stringify({ metrics: { checks: [{ name: 'x', timeout: '3s', ...check }] } }));
  const { config } = await loadConfig(file);
  const made = new CustomRunner(config.metrics.checks[0] as CustomCheckConfig);
  t.after(() => made.close());
  return made;
}

export async function server(t: TestContext, answer: RequestListener): Promise<string> {
  const made = createServer(answer).listen(0, '127.0.0.1');
  return addressOf(t, made, 'http');
}

export async function addressOf(t: TestContext, made: Server, scheme: string): Promise<string> {
  await once(made, 'listening');
  t.after(() => {
    made.closeAllConnections();
    made.close();
  });
  return `${scheme}://127.0.0.1:${(made.address() as AddressInfo).port}`;
}

export const named = (found: Found[] | null) =>
  (found ?? []).filter(({ name }) => !name.startsWith('check.')).map(({ name, fields }) => [name, fields.value]);
