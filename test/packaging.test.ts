/**
 * The package as its users get it: packed, installed without install scripts or development dependencies, run by each
 * Node that is supported. What comes from the npm registry comes by npm; without the registry the tests say so and are
 * skipped.
 */
// Slow: packs and installs the package.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import fs from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Status } from '../src/report/shape.ts';
import { AuditPeer } from './support/audit-peer.ts';
import { freePort } from './support/ports.ts';

const ROOT = dirname(import.meta.dirname);
const MANIFEST = JSON.parse(fs.readFileSync(join(ROOT, 'package.json'), 'utf8'));
const NODES = [22, 24];
/** The oldest that reads what the program begins with, and the newest that is too old. */
const TOO_OLD = [12, 20];
const QUIET = ['--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts', '--fetch-retries=0'];
const UNREACHABLE =
  /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED|E403|E404|E5\d\d)\b/;
const LIMIT_MS = 30_000;

interface Ended {
  code: number | string;
  stdout: string;
  stderr: string;
}

function execute(file: string, args: string[], cwd = ROOT): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(file, args, { cwd, timeout: 120_000, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      resolve({ code: error?.code ?? (error ? 'killed' : 0), stdout, stderr });
    });
  });
}

async function npm(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await execute('npm', args);
  if (code !== 0) throw new Error(`npm ${args[0]} ended with ${code}:\n${stderr}`);
  return stdout;
}

test('no page has people install another package of npm than this one', () => {
  const pages = fs.globSync(['*.md', 'docs/**/*.md', 'config/*.md'], { cwd: ROOT });
  const installs = /\b(?:npm (?:install|i|add|exec)|npx)\b(?<args>[^`\n]*)/g;
  const named = pages.flatMap((page) => {
    const text = fs.readFileSync(join(ROOT, page), 'utf8');
    return [...text.matchAll(installs)].flatMap(({ groups }) => groups!.args!.match(/(?<=\s)[^\s-][^\s]*/g) ?? []);
  });
  const packed = `./${MANIFEST.name.replace('@', '').replace('/', '-')}-${MANIFEST.version}.tgz`;
  assert.ok(named.includes(packed), `no page says how ${packed} is installed`);
  assert.deepEqual(
    named.filter((name) => /^(@?runnel\b|\S*\.tgz$)/.test(name) && ![packed, MANIFEST.name].includes(name)),
    [],
  );
});

suite('the packed package', { timeout: 300_000 }, () => {
  let dir = '';
  let prefix = '';
  let packed: { path: string; mode: number }[] = [];
  let skip: string | false = false;
  const nodes: { version: string; path: string }[] = [{ version: process.version, path: process.execPath }];

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'runnel-package-'));
    prefix = join(dir, 'prefix');
    await npm('run', 'build');
    const [{ filename, files }] = JSON.parse(
      await npm('pack', '--ignore-scripts', '--json', '--pack-destination', dir),
    );
    packed = files;
    try {
      await npm('install', '--global', '--prefix', prefix, '--omit=dev', ...QUIET, join(dir, filename));
      const named = [...NODES, ...TOO_OLD].map((major) => `node${major}@npm:node-linux-${process.arch}@${major}`);
      if (process.platform === 'linux') await npm('install', '--prefix', join(dir, 'nodes'), ...QUIET, ...named);
    } catch (error) {
      const reason = UNREACHABLE.exec((error as Error).message);
      if (!reason) throw error;
      skip = `the npm registry does not give what the test needs: ${reason[0]}`;
      console.error(`\nTHE PACKAGE IS NOT TESTED FURTHER: ${skip}\n`);
    }
    for (const major of NODES) {
      const path = nodeOf(major);
      if (!fs.existsSync(path)) continue;
      nodes.push({ version: (await execute(path, ['--version'])).stdout.trim(), path });
    }
  });

  after(() => rm(dir, { recursive: true, force: true }));

  const nodeOf = (major: number) => join(dir, 'nodes/node_modules', `node${major}`, 'bin/node');

  test('has what it needs, and neither sources nor tests', () => {
    const paths = packed.map(({ path }) => path);
    for (const path of [
      'dist/main.js',
      'dist/kernel/kernel.wasm',
      'dist/kernel/statsd.wasm',
      'dist/sources/statsd/worker.js',
      'dist/sources/tail/apart/child.js',
      'dist/checks/custom/module-host.js',
      'dist/checks/custom/define.js',
      'dist/checks/custom/define.d.ts',
      'dist/report/page/client/index.html',
      'dist/report/page/client/page.css',
      'dist/report/page/client/plots.js',
      'config/checks/nginx.js',
    ]) {
      assert.ok(paths.includes(path), `${path} is missing`);
    }
    assert.ok(!paths.some((path) => path.startsWith('dist/client/')), 'the client is a package of its own');
    const stray = paths.filter((path) =>
      path.startsWith('dist/')
        ? !/\.(js|js\.map|wasm)$|define\.d\.ts$|^dist\/report\/page\/client\//.test(path)
        : /\.(ts|test\.js|tgz|log)$/.test(path),
    );
    assert.deepEqual(stray, []);
    const maps = paths.filter((path) => path.endsWith('.js.map'));
    for (const path of maps) {
      const { sources, sourcesContent } = JSON.parse(fs.readFileSync(join(ROOT, path), 'utf8'));
      assert.equal(sourcesContent, undefined);
      const unknown = sources.filter((name: string) => !/\/src\/.*\.ts$/.test(join(ROOT, dirname(path), name)));
      assert.deepEqual(unknown, [], path);
      for (const name of sources) assert.ok(fs.existsSync(join(ROOT, dirname(path), name)), name);
    }
    const expected = (path: string) => (path === 'dist/main.js' ? 0o755 : 0o644);
    assert.deepEqual(
      packed.filter(({ path, mode }) => (mode & 0o777) !== expected(path)),
      [],
    );
  });

  test('installs no second Node and no compiler', (t) => {
    if (skip) return t.skip(skip);
    const installed = fs.readdirSync(join(prefix, 'lib/node_modules', MANIFEST.name, 'node_modules'));
    const unwanted = installed.filter((name) => /^node-|^typescript$|^assemblyscript$|^@biomejs$|^@types$/.test(name));
    assert.deepEqual(unwanted, []);
    for (const name of Object.keys(MANIFEST.devDependencies)) {
      assert.ok(!fs.existsSync(join(prefix, 'lib/node_modules', MANIFEST.name, 'node_modules', name)), name);
    }
  });

  test('loads what it needs, from few files, and names its sources where it fails', async (t) => {
    if (skip) return t.skip(skip);
    const main = join(prefix, 'lib/node_modules', MANIFEST.name, 'dist/main.js');
    const hooks = `
      import { registerHooks } from 'node:module';
      registerHooks({ load: (url, context, next) => (process.stderr.write(url + '\\n'), next(url, context)) });`;
    const preload = `data:text/javascript,${encodeURIComponent(hooks)}`;
    const loaded = async (...args: string[]) => {
      const { stderr } = await execute(process.execPath, ['--import', preload, main, ...args], dir);
      return stderr.split('\n').filter((url) => url.startsWith('file:'));
    };
    const version = await loaded('--version');
    assert.ok(version.length < 12, version.join('\n'));
    const explain = await loaded('explain', 'statsd', 'a:1|c');
    assert.ok(
      explain.some((url) => /\/explain-statsd-/.test(url)),
      explain.join('\n'),
    );
    assert.deepEqual(
      explain.filter((url) => /\/(agent|explain-log|verify|validate)-|\/(yaml|kafkajs|koffi)\//.test(url)),
      [],
    );
    const tells = 'process.stdout.write = () => console.error(new Error().stack);';
    const telling = [
      '--import',
      `data:text/javascript,${encodeURIComponent(tells)}`,
      main,
      'explain',
      'statsd',
      'a:1|c',
    ];
    const { stderr } = await execute(process.execPath, telling, dir);
    assert.match(stderr, / at printJson .*\/src\/cli\/output\.ts:\d+:\d+\)/);
  });

  test('starts by its name', async (t) => {
    if (skip) return t.skip(skip);
    const first = `PATH=${dirname(process.execPath)}:${process.env.PATH}`;
    const { code, stdout } = await execute('env', [first, join(prefix, 'bin/runnel'), '--version'], dir);
    assert.deepEqual([code, stdout.trim()], [0, MANIFEST.version]);
  });

  test('says in one sentence that a Node is too old', async (t) => {
    if (skip) return t.skip(skip);
    for (const node of TOO_OLD.map(nodeOf)) {
      if (!fs.existsSync(node)) continue;
      const version = (await execute(node, ['--version'])).stdout.trim().slice(1);
      const { code, stdout, stderr } = await execute(node, [join(prefix, 'bin/runnel'), 'run', '--default'], dir);
      const needed = MANIFEST.engines.node.slice('>='.length);
      const sentence = `runnel: needs Node ${needed} or newer, and was started by Node ${version} (${fs.realpathSync(node)})\n`;
      assert.deepEqual({ code, stdout, stderr }, { code: 2, stdout: '', stderr: sentence });
    }
  });

  test('@runnel/audit packs by itself, installs nothing else, and has what its manifest says', async () => {
    const client = await packClient(dir);
    const installed = fs.readdirSync(join(client, 'node_modules')).filter((name) => !name.startsWith('.'));
    assert.deepEqual([installed, fs.readdirSync(join(client, 'node_modules/@runnel'))], [['@runnel'], ['audit']]);
    const files = fs.readdirSync(join(client, 'node_modules/@runnel/audit')).sort();
    const types = files.filter((name) => name.endsWith('.d.ts'));
    assert.deepEqual(files, ['LICENSE', 'README.md', 'audit.js', 'package.json', ...types].sort());
    const manifest = JSON.parse(fs.readFileSync(join(client, 'node_modules/@runnel/audit/package.json'), 'utf8'));
    assert.deepEqual([manifest.version, manifest.dependencies], [MANIFEST.version, undefined]);
    // By its folder too, as it is found without being installed.
    const { emit } = createRequire(import.meta.url)(join(ROOT, 'dist/client'));
    assert.equal(typeof emit, 'function');
  });

  test('@runnel/audit has types that fit those of pg', async () => {
    const client = await packClient(dir);
    for (const name of ['@types', 'pg', 'pg-types', 'pg-protocol', 'undici-types']) {
      fs.symlinkSync(join(ROOT, 'node_modules', name), join(client, 'node_modules', name));
    }
    await writeFile(
      join(client, 'app.ts'),
      `import { type AuditError, emit, inTransaction, type Receipt, relay, ring, schema } from '@runnel/audit';
      import pg from 'pg';
      const pool = new pg.Pool();
      const client = await pool.connect();
      await client.query(schema);
      const { id }: { id: string } = await inTransaction(client, { event: { action: 'x' }, user: { id: 'u' } });
      await inTransaction(new pg.Client(), { '@timestamp': new Date() }, { stream: 's', aggregate: { type: 'o', id } });
      ring(pool);
      const receipt: Receipt = await emit({ event: { action: 'x' } }, { socket: '/x', stream: 's' });
      const signal = AbortSignal.timeout(1);
      const { events, refused } = await relay(pool, { socket: '/x', stream: 's', signal, report: (what) => what.at(0) });
      export const sum: number = receipt.first + events + refused;
      // @ts-expect-error: of which stream?
      await relay(pool, { socket: '/x' });
      export const code = (error: AuditError): number | null => error.status;`,
    );
    const options = { module: 'nodenext', target: 'es2022', strict: true, noEmit: true, types: ['node'] };
    await writeFile(join(client, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['app.ts'] }));
    const { code, stdout } = await execute(join(ROOT, 'node_modules/.bin/tsc'), ['-p', client]);
    assert.deepEqual({ code, stdout }, { code: 0, stdout: '' });
  });

  test('@runnel/audit emits under every supported Node', async (t) => {
    if (skip) return t.skip(skip);
    const client = await packClient(dir);
    const script = join(client, 'emit.js');
    await writeFile(
      script,
      `import { emit, schema } from '@runnel/audit';
      const receipt = await emit({ event: { id: 'from-' + process.version } }, { socket: process.argv[2], stream: 's' });
      console.log(receipt.id, receipt.first, schema.includes('audit_outbox'));`,
    );
    for (const [n, { version, path }] of nodes.entries()) {
      await using peer = await AuditPeer.start(join(client, `${n}.sock`));
      const { stdout, stderr } = await execute(path, [script, peer.socket], client);
      assert.deepEqual([stdout, stderr], [`from-${version} 1 true\n`, '']);
    }
  });

  test('collects, answers and stops under every supported Node', async (t) => {
    if (skip) return t.skip(skip);
    for (const { version, path } of nodes) {
      await t.test(version, () => collects(path, join(prefix, 'bin/runnel'), join(dir, version)));
    }
  });
});

/** A folder of an application that has the packed client installed, as npm does it. */
async function packClient(dir: string): Promise<string> {
  const app = await mkdtemp(join(dir, 'app-'));
  const [{ filename }] = JSON.parse(await npm('pack', join(ROOT, 'dist/client'), '--json', '--pack-destination', app));
  await writeFile(join(app, 'package.json'), '{"type":"module","private":true}');
  await npm('install', '--prefix', app, ...QUIET, join(app, filename));
  return app;
}

/** Lines and a StatsD counter go in; status, the metrics page and the local log show them; SIGTERM ends it with 0. */
async function collects(node: string, program: string, home: string): Promise<void> {
  fs.mkdirSync(home);
  const [admin, statsd] = [await freePort(), await freePort()];
  const config = join(home, 'runnel.yaml');
  const settings = {
    data_dir: join(home, 'data'),
    logs: [{ name: 'app', include: [join(home, '*.log')] }],
    metrics: { interval: '1s', host: { cpu: true } },
    statsd: { listen: [`udp://127.0.0.1:${statsd}`], flush_interval: '1s' },
    admin: { listen: `127.0.0.1:${admin}` },
  };
  await writeFile(config, JSON.stringify(settings));
  await writeFile(join(home, 'app.log'), 'one\ntwo\nthree\n');
  const runnel = (...args: string[]) => execute(node, [program, ...args, '-c', config], home);

  const agent = spawn(node, [program, 'run', '-c', config], { cwd: home, stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = once(agent, 'exit');
  let said = '';
  agent.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  try {
    const deadline = Date.now() + LIMIT_MS;
    const socket = createSocket('udp4').unref();
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${admin}/status`).catch(() => null);
      const status = answer ? ((await answer.json()) as Status) : null;
      const inputs = status?.conservation.inputs ?? {};
      if (['logs.app', 'statsd', 'host'].every((name) => (inputs[name]?.received ?? 0) > 0)) break;
      assert.equal(agent.exitCode, null, said);
      assert.ok(Date.now() < deadline, `not collected: ${JSON.stringify(inputs)}\n${said}`);
      if (status) socket.send('hits:1|c', statsd, '127.0.0.1');
      await sleep(100);
    }
    socket.close();
    const { code, stdout, stderr } = await runnel('status', '--json');
    assert.equal(code, 0, stderr);
    assert.equal(JSON.parse(stdout).version, MANIFEST.version);
    const metrics = await fetch(`http://127.0.0.1:${admin}/metrics`);
    assert.match(await metrics.text(), /^runnel_/m);
    assert.match(await (await fetch(`http://127.0.0.1:${admin}/`)).text(), /^<!doctype html>/i);
    for (const part of ['page.css', 'page.js', 'plots.js', 'uplot.css', 'uplot.js', 'view', 'history']) {
      assert.equal((await fetch(`http://127.0.0.1:${admin}/${part}`)).status, 200, part);
    }
  } finally {
    agent.kill('SIGTERM');
    await exited;
  }
  assert.deepEqual(await exited, [0, null], said);
  const recordsOf = async (topic: string) => {
    const { code, stdout, stderr } = await runnel('spool', 'cat', topic);
    assert.equal(code, 0, stderr);
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  };
  const lines = await recordsOf('runnel.logs');
  assert.deepEqual(
    lines.map(({ message }) => message),
    ['one', 'two', 'three'],
  );
  const names = (await recordsOf('runnel.metrics')).map(({ name }) => name);
  assert.ok(names.includes('hits') && names.includes('system.cpu.time'), `metrics: ${names}`);
}
