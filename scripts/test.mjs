// Runs the tests:  node scripts/test.mjs [fast|unit|integration | PATH...] [options of `node --test`]
//
// Without a name: what `npm run check` says, then unit, then integration. A PATH is a file of tests or a folder of them.
//
// unit: everything in test/ but test/integration. fast: of it the files that have no line `// Slow: WHY` at their head;
// each must be done in seconds, so what starts programs or waits for clocks has that line. integration: test/integration, against one
// Kafka that is started for all of them, or the one at $KAFKA_BROKERS; and one OpenSearch where any of them asks for it, or
// the one at $OPENSEARCH_URL. Tests that end, freeze or configure one start their own; those that cut connections have a
// proxy of their own before the shared one.
// Where there can be no Kafka or OpenSearch, the tests that need it are skipped and say why. Fails when a test of any part failed.
// In a run of all, a few files with failures are run once more, alone: what passes then is named as flaky at the end,
// for somebody to look at; it failed for want of time on a busy machine, or has a race. What fails again has failed.
// Compiled code is kept from one test file to the next: half of what a file's start costs is compiling.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** Files that are run once more at most: where more have failures, it is not for chance. */
const SECOND_TRIES = 3;
const COUNTS = ['tests', 'suites', 'pass', 'fail', 'cancelled', 'skipped', 'todo', 'duration_ms'];
/** A test, and a file of tests, that takes longer hangs, or is not fast. */
const LIMIT_MS = { fast: 15_000, unit: 120_000, integration: 300_000 };
/** Files at once: most of what they do is wait. */
const AT_ONCE = { fast: 4, unit: 4, integration: 3 };
/** Why a file of tests is not for the fast lane. */
const SLOW = /^\/\/ Slow: \S/m;
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
      resolve({ ...counts, flaky: 0, files: failedFiles(text) });
    });
  });
}

/** The files that the runner's closing list names. */
function failedFiles(text) {
  const list = text.slice(text.lastIndexOf('\n✖ failing tests:'));
  return [...new Set([...list.matchAll(/^test at (\S+?\.test\.ts):\d+:\d+$/gm)].map(([, file]) => file))];
}

/** The result of a part after its files with failures had a second try, alone. */
async function tryAgain(result, how) {
  const { files } = result;
  const failed = result.fail + result.cancelled;
  if (failed === 0 || files.length === 0 || files.length > SECOND_TRIES) return result;
  console.log(`\nonce more, alone: ${files.join(' ')}\n`);
  const again = await runTests(files, { ...how, concurrency: 1 });
  if (again.fail + again.cancelled > 0) return result;
  return { ...result, pass: result.pass + failed, fail: 0, cancelled: 0, flaky: failed };
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
  const kafka = await startKafka({ lets: AT_ONCE.integration });
  const env = { KAFKA_BROKERS: kafka.brokers, RUNNEL_TEST_LISTENERS: kafka.toLet };
  return { env, stop: () => kafka.stop() };
}

/** The same of OpenSearch, for those of the files that share one. */
async function provideOpenSearch(files) {
  const shares = (file) => fs.readFileSync(join(root, file), 'utf8').includes('sharedOpenSearch');
  if (process.env.OPENSEARCH_URL || !files.some(shares)) return { env: {}, stop: async () => {} };
  const { fetchOpenSearch, noOpenSearch, startOpenSearch } = await import('../test/support/opensearch.ts');
  let reason = noOpenSearch;
  if (!reason) await fetchOpenSearch().catch((error) => (reason = error.message));
  if (reason) {
    console.error(`\nTESTS WITH OPENSEARCH ARE SKIPPED: ${reason}\n`);
    return { env: { RUNNEL_TEST_NO_OPENSEARCH: reason }, stop: async () => {} };
  }
  const server = await startOpenSearch();
  return { env: { OPENSEARCH_URL: server.url }, stop: () => server.stop() };
}

/** All that the files of the integration tests share. */
async function provide(files) {
  const [kafka, opensearch] = await Promise.all([provideKafka(), provideOpenSearch(files)]);
  const stop = async () => void (await Promise.all([kafka.stop(), opensearch.stop()]));
  return { env: { ...kafka.env, ...opensearch.env }, stop };
}

/** The files of tests by the part of the run that they belong to. */
function partsOf(lane, paths) {
  const named = (file) => paths.length === 0 || paths.some((path) => file === path || file.startsWith(join(path, '/')));
  const files = fs.globSync('test/**/*.test.ts', { cwd: root }).filter(named).sort();
  const isIntegration = (file) => file.startsWith(join('test', 'integration'));
  const isSlow = (file) => SLOW.test(fs.readFileSync(join(root, file), 'utf8'));
  const unit = files.filter((file) => !isIntegration(file));
  const integration = files.filter(isIntegration);
  if (lane === 'fast') return { fast: unit.filter((file) => !isSlow(file)) };
  if (lane === 'unit') return { unit };
  if (lane === 'integration') return { integration };
  return { unit, integration };
}

async function main(args) {
  const options = args.filter((arg) => arg.startsWith('-'));
  const names = args.filter((arg) => !arg.startsWith('-'));
  const lane = names[0] in LIMIT_MS ? names.shift() : null;
  const paths = names.map((name) => relative(root, resolve(name)));
  const parts = Object.entries(partsOf(lane, paths)).filter(([, files]) => files.length > 0);
  if (parts.length === 0) {
    console.error(`no tests in ${names.join(', ')}: give files test/**/*.test.ts, or folders of them`);
    return 2;
  }
  if (args.length === 0 && run('npm', ['run', '--silent', 'check']) !== 0) return 1;
  if (run(process.execPath, [join(root, 'scripts/build-kernel.mjs')]) !== 0) return 1;
  const results = {};
  for (const [part, files] of parts) {
    const { env, stop } = part === 'integration' ? await provide(files) : { env: {}, stop: () => {} };
    try {
      const how = { concurrency: AT_ONCE[part], limit: LIMIT_MS[part], env, options };
      const result = await runTests(files, how);
      results[part] = args.length === 0 ? await tryAgain(result, how) : result;
    } finally {
      await stop();
    }
  }
  return report(results);
}

/** The program's exit code. */
function run(program, args) {
  return spawnSync(program, args, { cwd: root, stdio: 'inherit' }).status ?? 1;
}

/** Prints each part's counts in a line, then their sums as the test runner does. Returns the exit code. */
function report(results) {
  console.log('');
  for (const [name, c] of Object.entries(results)) {
    const seconds = (c.duration_ms / 1000).toFixed(1);
    console.log(`${name}: ${c.pass} passed, ${c.fail + c.cancelled} failed, ${c.skipped} skipped in ${seconds} s`);
    if (c.flaky > 0) console.log(`${name}: FLAKY, ${c.flaky} passed at the second try only: ${c.files.join(' ')}`);
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
