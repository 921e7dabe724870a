// Runs the tests:  node scripts/test.mjs [unit|integration] [options of `node --test`]
//
// unit: everything in test/ but test/integration, two files at a time. integration: the same, against one
// Kafka that is started for all of them (tests that stop or cut it start their own), or the one at $KAFKA_BROKERS.
// Where there can be no Kafka, the tests that need it are skipped and say why. Fails when a test of either part failed.
// Compiled code is kept from one test file to the next: half of what a file's start costs is compiling.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const COUNTS = ['tests', 'suites', 'pass', 'fail', 'cancelled', 'skipped', 'todo', 'duration_ms'];
/** A test, and a file of tests, that takes longer hangs. */
const LIMIT_MS = { unit: 120_000, integration: 300_000 };
/** Goes with the packages: `npm ci` begins a new one. */
const COMPILE_CACHE = join(root, 'node_modules/.cache/compile');

let running = null;
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  process.once(signal, () => {
    running?.kill(signal);
    process.exit(code);
  });
}

/** Runs `files` by node's test runner and passes its report on; gives its closing counts. */
function runTests(files, { concurrency, limit, env, options }) {
  const args = ['--test', '--test-reporter=spec', `--test-concurrency=${concurrency}`, `--test-timeout=${limit}`];
  const color = process.stdout.isTTY ? { FORCE_COLOR: '1' } : {};
  const child = spawn(process.execPath, [...args, ...options, ...files], {
    cwd: root,
    env: { NODE_COMPILE_CACHE: COMPILE_CACHE, ...process.env, ...color, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running = child;
  let tail = '';
  child.stdout.on('data', (chunk) => {
    process.stdout.write(chunk);
    tail = (tail + chunk).slice(-1_000_000);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      const text = stripVTControlCharacters(tail);
      const last = (name) => Number([...text.matchAll(new RegExp(`^ℹ ${name} ([\\d.]+)$`, 'gm'))].at(-1)?.[1] ?? 0);
      const counts = Object.fromEntries(COUNTS.map((name) => [name, last(name)]));
      // A runner that failed as a whole has counted nothing.
      if (code !== 0 && counts.fail + counts.cancelled === 0) counts.fail = 1;
      resolve(counts);
    });
  });
}

/** The environment that says to the tests where Kafka is, or why there is none; `stop` ends what was started. */
async function provideKafka() {
  if (process.env.KAFKA_BROKERS) return { env: {}, stop: async () => {} };
  const { ensureJars, noKafka } = await import('../test/support/kafka-jars.ts');
  const without = (reason) => {
    console.error(`\nINTEGRATION TESTS ARE SKIPPED: ${reason}\n`);
    return { env: { RUNNEL_TEST_NO_KAFKA: reason }, stop: async () => {} };
  };
  if (noKafka) return without(noKafka);
  try {
    await ensureJars();
  } catch (error) {
    return without(error.message);
  }
  const { startKafka } = await import('../test/support/kafka.ts');
  const kafka = await startKafka();
  return { env: { KAFKA_BROKERS: kafka.brokers }, stop: () => kafka.stop() };
}

async function main([first, ...rest]) {
  const only = first === 'unit' || first === 'integration' ? first : null;
  const options = only || first === undefined ? rest : [first, ...rest];
  const built = spawnSync(process.execPath, [join(root, 'scripts/build-kernel.mjs')], { stdio: 'inherit' });
  if (built.status !== 0) return 1;
  const all = fs.globSync('test/**/*.test.ts', { cwd: root }).sort();
  const isIntegration = (file) => file.startsWith(join('test', 'integration'));
  const results = {};
  if (only !== 'integration') {
    const files = all.filter((file) => !isIntegration(file));
    results.unit = await runTests(files, { concurrency: 2, limit: LIMIT_MS.unit, env: {}, options });
  }
  if (only !== 'unit') {
    const { env, stop } = await provideKafka();
    try {
      const how = { concurrency: 2, limit: LIMIT_MS.integration, env, options };
      results.integration = await runTests(all.filter(isIntegration), how);
    } finally {
      await stop();
    }
  }
  return report(results);
}

/** Prints each part's counts in a line, then their sums as the test runner does. Returns the exit code. */
function report(results) {
  console.log('');
  for (const [name, c] of Object.entries(results)) {
    const seconds = (c.duration_ms / 1000).toFixed(1);
    console.log(`${name}: ${c.pass} passed, ${c.fail + c.cancelled} failed, ${c.skipped} skipped in ${seconds} s`);
  }
  const parts = Object.values(results);
  const sum = (name) => parts.reduce((total, part) => total + part[name], 0);
  for (const name of COUNTS) console.log(`ℹ ${name} ${sum(name)}`);
  return sum('fail') + sum('cancelled') > 0 ? 1 : 0;
}

const ownNode = join(root, 'node_modules/.bin/node');
if (!process.features.typescript && fs.existsSync(ownNode) && !process.env.RUNNEL_TEST_NODE) {
  // This Node cannot run TypeScript; the one among the development dependencies can.
  const env = { ...process.env, RUNNEL_TEST_NODE: ownNode };
  process.exitCode = spawnSync(ownNode, process.argv.slice(1), { stdio: 'inherit', env }).status ?? 1;
} else {
  process.exitCode = await main(process.argv.slice(2));
}
