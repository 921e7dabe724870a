/**
 * Who may import whom, read from the imports themselves.
 *
 *   main > cli > agent, consumers/process > admin > report > inputs, reload > delivery, verify > options >
 *        sources/all, consumers/all > consumers/* > consumers/kind, account > sources/*, checks, kafka, spool > transforms > lines > aggregate, config, http > data-dir > core, kernel > mounts, records, audit > log, native, builtin, heap > client > node:
 *
 * A part may import the parts of the rows below its own. What else it may is listed here, with the reason. Each npm
 * package has one door: the only file or folder that imports it.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { before, test } from 'node:test';

const ROOT = dirname(import.meta.dirname);

const ROWS = [
  ['main'],
  ['cli'],
  ['agent', 'consumers/process'],
  ['admin'],
  ['report'],
  ['inputs', 'reload'],
  ['delivery', 'verify'],
  ['options'],
  ['sources/all.ts', 'consumers/all.ts'],
  ['consumers/opensearch', 'consumers/topk'],
  ['consumers/kind.ts'],
  ['consumers/account.ts'],
  [
    'sources/tail',
    'sources/statsd',
    'sources/host',
    'sources/otlp',
    'sources/audit',
    'alerts',
    'checks',
    'kafka',
    'spool',
  ],
  ['transforms'],
  ['lines'],
  ['aggregate', 'config', 'http'],
  ['data-dir'],
  ['core', 'kernel'],
  ['mounts', 'records', 'audit'],
  ['log', 'native', 'builtin', 'heap'],
  ['client'],
];

/** Arrows that the rows alone would forbid: importing file or part, imported file or part. `type`: types only. */
const ALSO: { from: string; to: string; type?: boolean }[] = [
  { from: 'sources/host', to: 'checks' }, // the source that runs them,
  { from: 'checks/custom', to: 'sources/statsd' }, // of which one reads StatsD's grammar
  { from: 'alerts', to: 'checks/catalog.ts' }, // which names there are,
  { from: 'kernel', to: 'core' }, // the kernel is the loops over core's tables,
  { from: 'core', to: 'kernel', type: true }, // and lanes are handed one
  { from: 'core/input.ts', to: 'config', type: true }, // an input brings its options
];

const DOORS: Record<string, string[]> = {
  '@datadog/sketches-js': ['aggregate'],
  '@eslint-community/regexpp': ['kernel/process/regex/parse.ts'],
  '@node-rs/crc32': ['records'],
  '@toondepauw/node-zstd': ['records'],
  'aws-msk-iam-sasl-signer-js': ['kafka'],
  chokidar: ['sources/tail'],
  commander: ['cli'],
  'hot-shots': ['report/telemetry.ts'],
  ioredis: ['consumers/topk/redis.ts'],
  kafkajs: ['kafka'],
  koffi: ['native/libc.ts'],
  'lz4-napi': ['records'],
  nodemailer: ['alerts/notify/email.ts'],
  'prom-client': ['report'],
  snappy: ['records'],
  systeminformation: ['checks'],
  uplot: ['report/page/assets.ts'],
  valibot: ['config'],
  yaml: ['config'],
};

interface Import {
  /** Relative to src/, as is `to` for our own files; else `to` is `node:...` or a package. */
  from: string;
  to: string;
  type: boolean;
}

/** `import ... from 'x'`, `import type ... from 'x'`, `export ... from 'x'`, `import 'x'`, `import('x')`, `import.meta.resolve('x')`, `require('x')`. */
const IMPORT =
  /^(?:import|export)\s+(?<type>type\s)?(?:[\w$*{][^'";()]*\sfrom\s*)?'(?<static>[^']+)'|(?<typeof>\btypeof\s+)?\bimport\(\s*'(?<dynamic>[^']+)'|\bimport\.meta\.resolve\('(?<resolved>[^']+)'|[rR]equire(?:\(import\.meta\.url\))?\('(?<required>[^']+)'/gm;
/** `export class X`, `export const x` and the like; not what is only exported again. */
const DEFINITION = /^export (?:async |abstract )*(?:class|interface|type|function\*?|const|let) +([\w$]+)/gm;
/** A worker's file is an import too. */
const WORKER = /'(?<file>\.\.?\/[\w/-]+\.ts)'/g;

function importsIn(from: string, text: string): Import[] {
  const code = text.replace(/^\s*\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  const found: Import[] = [];
  for (const { groups } of code.matchAll(IMPORT)) {
    const to = groups?.static ?? groups?.dynamic ?? groups?.resolved ?? groups?.required;
    if (to) found.push({ from, to: resolve(from, to), type: Boolean(groups?.type ?? groups?.typeof) });
  }
  for (const { groups } of code.matchAll(WORKER)) {
    const to = resolve(from, groups?.file ?? '');
    if (!found.some((i) => i.to === to)) found.push({ from, to, type: false });
  }
  return found;
}

function resolve(from: string, specifier: string): string {
  if (specifier.startsWith('.')) return join(dirname(from), specifier);
  if (isBuiltin(specifier)) return specifier;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

const isOurs = (to: string) => to.endsWith('.ts') && !to.startsWith('node:');
const partOf = (file: string) => /^(?:sources|consumers)\/[^/]+|^[^/.]+/.exec(file)?.[0] ?? file;
const rowOf = (part: string) => ROWS.findIndex((row) => row.includes(part));
const within = (file: string, place: string) =>
  file === place || file.startsWith(`${place}/`) || partOf(file) === place;

function isAllowed({ from, to, type }: Import): boolean {
  const [here, there] = [partOf(from), partOf(to)];
  if (here === there || rowOf(here) < rowOf(there)) return true;
  return ALSO.some((arrow) => within(from, arrow.from) && within(to, arrow.to) && (type || !arrow.type));
}

const files = fs
  .globSync('**/*.ts', { cwd: join(ROOT, 'src') })
  .filter((file) => !file.endsWith('.as.ts') && !file.endsWith('.d.ts'))
  .sort();
let imports: Import[] = [];
let own: Import[] = [];
let packages: Import[] = [];

before(() => {
  imports = files.flatMap((file) => importsIn(file, fs.readFileSync(join(ROOT, 'src', file), 'utf8')));
  own = imports.filter(({ to }) => isOurs(to));
  packages = imports.filter(({ to }) => !isOurs(to) && !isBuiltin(to));
});

const shown = (list: Import[]) => list.map(({ from, to, type }) => `${from} -> ${to}${type ? ' (type)' : ''}`);

test('every form of import is seen, and nothing in a comment', () => {
  const text = `
/** Not import('one') or
import { x } from 'two'; */
import { a,
  b } from './near.ts';
import type { T } from '../up.ts';
export { c } from './again.ts';
import 'effect';
const k = await import('kafkajs');
type Y = typeof import('yaml');
const broker = require('kafkajs/src/broker'), koffi = createRequire(import.meta.url)('koffi');
// import { z } from 'three';
new Worker(new URL('./worker.ts', import.meta.url));
import fs from 'node:fs';
`;
  assert.deepEqual(shown(importsIn('sources/tail/file.ts', text)), [
    'sources/tail/file.ts -> sources/tail/near.ts',
    'sources/tail/file.ts -> sources/up.ts (type)',
    'sources/tail/file.ts -> sources/tail/again.ts',
    'sources/tail/file.ts -> effect',
    'sources/tail/file.ts -> kafkajs',
    'sources/tail/file.ts -> yaml (type)',
    'sources/tail/file.ts -> kafkajs',
    'sources/tail/file.ts -> koffi',
    'sources/tail/file.ts -> node:fs',
    'sources/tail/file.ts -> sources/tail/worker.ts',
  ]);
});

test('every part has its row', () => {
  assert.deepEqual(
    files.filter((file) => rowOf(partOf(file)) < 0),
    [],
  );
});

test('docs/ARCHITECTURE.md has these rows, and every room', () => {
  const text = fs.readFileSync(join(ROOT, 'docs/ARCHITECTURE.md'), 'utf8');
  const block = (title: string) => new RegExp(`^## ${title}$[^]*?^\`\`\`\\n([^]*?)^\`\`\``, 'm').exec(text)?.[1] ?? '';
  const rows = block('Rows').trimEnd().split('\n');
  assert.deepEqual(
    rows.map((row) => row.split(/\s+/)),
    ROWS,
  );
  const above: string[] = [];
  const rooms = [...block('Rooms').matchAll(/^( *)([\w-]+)\/ +\S/gm)].map(([, indent, name]) => {
    above.splice(indent!.length / 2, above.length, name!);
    return above.join('/');
  });
  const folders = fs.globSync('**/*/', { cwd: join(ROOT, 'src') }).map((folder) => folder.replace(/\/$/, ''));
  assert.deepEqual(rooms.sort(), folders.sort());
});

test('imports point down, never back or sideways', () => {
  assert.ok(own.length > 100, 'the imports were not found');
  assert.deepEqual(shown(own.filter((i) => !isAllowed(i))), []);
});

test('consumers are programs of their own: they know nothing of the agent', () => {
  const agents = ['agent.ts', 'delivery', 'inputs.ts', 'reload.ts', 'sources', 'spool', 'transforms', 'lines'];
  const reached = own.filter(({ from }) => from.startsWith('consumers/'));
  for (const arrow of reached) {
    for (const next of own) if (next.from === arrow.to && !next.type && !reached.includes(next)) reached.push(next);
  }
  assert.ok(reached.length > 50, 'their imports were not found');
  assert.deepEqual(shown(reached.filter(({ to, type }) => !type && agents.some((place) => within(to, place)))), []);
});

test('the client is a package of its own: it has nothing of the agent, nor of npm, and the agent nothing of it', () => {
  const isClient = (file: string) => within(file, 'client');
  const crossing = own.filter(({ from, to }) => isClient(from) !== isClient(to));
  const bought = packages.filter(({ from }) => isClient(from));
  assert.deepEqual(shown([...crossing, ...bought]), []);
});

test('every exception is in use', () => {
  const idle = ALSO.filter((arrow) => !own.some((i) => within(i.from, arrow.from) && within(i.to, arrow.to)));
  assert.deepEqual(idle, []);
});

test('no file waits for itself to be loaded', () => {
  const next = new Map(files.map((file) => [file, own.filter((i) => i.from === file && !i.type).map((i) => i.to)]));
  const done = new Set<string>();
  const visit = (file: string, path: string[]): void => {
    assert.ok(!path.includes(file), `a circle: ${[...path, file].join(' -> ')}`);
    if (done.has(file)) return;
    for (const to of next.get(file) ?? []) visit(to, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
});

test('every file of src is reached from main.ts, or from the entry of the client', () => {
  const reached = new Set(['main.ts', 'client/audit.ts']);
  for (const file of reached) for (const { from, to } of own) if (from === file) reached.add(to);
  assert.deepEqual(
    files.filter((file) => !reached.has(file)),
    [],
  );
});

test('no file imports the modules of Node that load what nobody uses', () => {
  const offenders = imports.filter(
    // The client is loaded by applications, which have loaded them.
    (i) =>
      ['node:http', 'node:crypto'].includes(i.to) && !i.type && i.from !== 'builtin.ts' && !within(i.from, 'client'),
  );
  assert.deepEqual(shown(offenders), []);
});

test('one name is one thing: no exported name is defined twice', () => {
  const defined = new Map<string, string[]>();
  for (const file of files) {
    // What each kind of input gives is called as core/input.ts says.
    if (/^(sources|consumers)\/\w+\/report\.ts$/.test(file)) continue;
    // Another package's names are its own.
    if (within(file, 'client')) continue;
    for (const [, name] of fs.readFileSync(join(ROOT, 'src', file), 'utf8').matchAll(DEFINITION)) {
      defined.set(name!, [...(defined.get(name!) ?? []), file]);
    }
  }
  assert.ok(defined.size > 500, 'the definitions were not found');
  assert.deepEqual(
    [...defined].filter(([, at]) => at.length > 1).map(([name, at]) => `${name}: ${at.join(', ')}`),
    [],
  );
});

test('what is renamed is renamed in one place', () => {
  // Another rename would need the same care: what of it outlives a power cut. The one beside it moves files of others.
  const renames = files.filter((file) =>
    /^import \{[^}]*\brename(Sync)?\b[^}]*\} from '(node:fs|.*\/mounts\/fs\.ts)/m.test(
      fs.readFileSync(join(ROOT, 'src', file), 'utf8'),
    ),
  );
  assert.deepEqual(renames, ['core/files.ts', 'sources/tail/room/aside.ts']);
});

test('a signal that ends a wait is listened to in one place', () => {
  // The pool takes who waits out of its queue; the others do something when it aborts, and wait for nothing. The client
  // has nothing of core.
  const others = [
    'client/post.ts',
    'client/session.ts',
    'core/pool.ts',
    'kafka/transactions/open.ts',
    'sources/tail/tail.ts',
  ];
  const listening = files.filter((file) =>
    fs.readFileSync(join(ROOT, 'src', file), 'utf8').includes("addEventListener('abort'"),
  );
  assert.deepEqual(listening.sort(), ['core/abort.ts', 'core/bell.ts', ...others].sort());
});

test('what may be on a mount that hangs is asked through one door', () => {
  // In data_dir, and in what the kernel answers from its memory.
  const own = [
    'apart/child.ts',
    'file/descriptors.ts',
    'find/diagnose.ts',
    'positions/edit.ts',
    'positions/journal-file.ts',
    'positions/set-aside.ts',
  ].map((file) => `sources/tail/${file}`);
  const asking = imports.filter(({ from, to, type }) => {
    const watched = within(from, 'sources/tail') || within(from, 'checks');
    return watched && !type && (to === 'node:fs' || to === 'node:fs/promises');
  });
  assert.deepEqual([...new Set(asking.map(({ from }) => from))], ['checks/files.ts', ...own]);
});

test('what helps tests lies in test/support, or is a program of its own', () => {
  const place = /\.test\.ts$|^(support|bench|crash|model|proof|soak)\//;
  const others = fs.globSync('**/*.ts', { cwd: join(ROOT, 'test') }).filter((file) => !place.test(file));
  assert.deepEqual(others, []);
});

test('every npm package has one door', () => {
  const outside = packages.filter(({ from, to }) => !DOORS[to]?.some((door) => within(from, door)));
  assert.deepEqual(shown(outside), []);
});

test('every dependency is used, and what is used is a dependency', () => {
  const manifest = JSON.parse(fs.readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const used = new Set(packages.filter(({ type }) => !type).map(({ to }) => to));
  assert.deepEqual([...used].sort(), Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }).sort());
});

/** What a file imports before it runs, as it names it. */
const eager = (file: string) =>
  [...fs.readFileSync(join(ROOT, 'src', file), 'utf8').matchAll(/^import .*'(.+)';$/gm)].map(([, to]) => to!);

test('main.ts looks at its Node before anything is loaded', () => {
  assert.deepEqual(eager('main.ts'), []);
});

test('the command line loads a command only when it is asked for', () => {
  const loaded = eager('cli/start.ts');
  const groups = fs.readdirSync(join(ROOT, 'src/cli/commands')).filter((name) => name !== 'shared.ts');
  assert.deepEqual(
    [...loaded, ...eager('cli/program.ts')].filter((to) => to.startsWith('.') && !to.startsWith('./commands/')),
    ['../heap.ts', './program.ts', './usage.ts', './usage.ts'],
  );
  for (const group of groups) {
    assert.deepEqual(
      eager(`cli/commands/${group}`).filter((to) => to.startsWith('.')),
      ['./shared.ts'],
    );
  }
  // What V8 is told holds for all that runs.
  assert.equal(loaded[0], '../heap.ts');
});

test('V8 is told what it may do in one place', () => {
  const telling = imports.filter((i) => i.to === 'node:v8').map(({ from }) => from);
  assert.deepEqual(telling, ['heap.ts']);
});
