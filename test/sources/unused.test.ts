/** What a configuration does not use is not loaded. */
// Slow: agents in processes of their own.
import assert from 'node:assert/strict';
import { appendFile, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { type AgentConfig, makeHome } from '../support/agent.ts';

/** Writes down each module of src/ that is loaded. */
const noting = (file: string) => `
  import { appendFileSync } from 'node:fs';
  import { registerHooks } from 'node:module';
  registerHooks({
    load(url, context, next) {
      const [, name] = /\\/src\\/(.*\\.ts)$/.exec(url) ?? [];
      if (name) appendFileSync(${JSON.stringify(file)}, name + '\\n');
      return next(url, context);
    },
  });`;

/** The implementations of inputs that this configuration has loaded. */
async function loaded(config: (file: string) => AgentConfig): Promise<string[]> {
  await using home = await makeHome();
  const [modules, log] = [home.path('modules'), home.path('app.log')];
  await appendFile(log, 'a line\n');
  const agent = await home.start(config(log), { preload: noting(modules) });
  await agent.stop();
  const all = (await readFile(modules, 'utf8')).split('\n');
  return ['sources/host/host.ts', 'sources/statsd/statsd.ts', 'sources/tail/input.ts'].filter((file) =>
    all.includes(file),
  );
}

test('an input that is not configured is not loaded', async () => {
  assert.deepEqual(await loaded(() => ({})), []);
  assert.deepEqual(await loaded((include) => ({ logs: [{ include }] })), ['sources/tail/input.ts']);
  assert.deepEqual(await loaded(() => ({ metrics: { host: true } })), ['sources/host/host.ts']);
  assert.deepEqual(await loaded(() => ({ statsd: { listen: ['udp://127.0.0.1:0'] } })), ['sources/statsd/statsd.ts']);
});
