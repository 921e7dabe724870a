// Makes dist/, what the package ships: `npm run build`. The sources are put together into few files, as a start that loads
// each by itself pays for every one. What is loaded when it is needed (`import()`) stays so, in files of its own; packages
// of npm stay where they are.
//
//   dist/main.js                     an entry, as is each file that is started as a thread or process: they keep the
//   dist/sources/statsd/worker.js    names of their sources, and so does what is found beside a source (kernels)
//   dist/NAME-HASH.js                everything else, in one folder
//   dist/client/                     @runnel/audit, a package of its own: one file, its types, package.json
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const src = join(root, 'src');
const to = process.argv[2] ?? join(root, 'dist');

/** How a source names one that it starts, by the name that it has here: `new URL(..., './worker.js', import.meta.url)`. */
const STARTED = /'\.\/([\w-]+)\.js'/g;
const HERE = 'import.meta.url';

/** What is started by itself. */
function entries() {
  const files = globSync('**/*.ts', { cwd: src, exclude: (name) => name.endsWith('.as.ts') });
  const started = files.flatMap((file) => {
    const text = readFileSync(join(src, file), 'utf8');
    if (!text.includes(HERE)) return [];
    return [...text.matchAll(STARTED)].map(([, name]) => join(dirname(file), name));
  });
  return ['main', ...started];
}

/** Has each source find what is beside it as if it were still there. */
const places = {
  name: 'places',
  transform(code, id) {
    if (!id.startsWith(src) || !code.includes(HERE)) return null;
    const path = JSON.stringify(relative(src, id).replace(/\.ts$/, '.js'));
    // Lines stay what they are: the map needs no more.
    return { code: code.replaceAll(HERE, `__at__(${path})`), map: null };
  },
  renderChunk(code, { fileName }) {
    const up = relative(dirname(fileName), '.') || '.';
    const placed = code.replaceAll(/__at__\("([^"]+)"\)/g, (_, path) => `new URL("${up}/${path}", ${HERE}).href`);
    return { code: placed, map: null };
  },
};

await import('./build-kernel.mjs');
const { rolldown } = await import('rolldown').catch((error) => {
  throw new Error('cannot build dist: install the development dependencies with npm ci', { cause: error });
});
const bundle = await rolldown({
  input: Object.fromEntries(entries().map((name) => [name, join(src, `${name}.ts`)])),
  platform: 'node',
  external: (id) => !/^[./]/.test(id),
  plugins: [places],
});
const { output } = await bundle.write({
  dir: to,
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: '[name]-[hash].js',
  // So that stack traces name the sources (main.ts). What stands in them is in the repository.
  sourcemap: true,
  sourcemapExcludeSources: true,
});
mkdirSync(join(to, 'kernel'), { recursive: true });
// What is served, not run.
const page = globSync('report/page/client/*.*', { cwd: src });
const kernels = globSync('kernel/*.wasm', { cwd: src });
/** Writes the types of a source, and of what it imports, beside it. */
function declare(name) {
  const tsc = ['--declaration', '--emitDeclarationOnly', '--target', 'esnext', '--module', 'nodenext'];
  const own = ['--types', 'node', '--rewriteRelativeImportExtensions', '--rootDir', dirname(join(src, name))];
  const args = ['--ignoreConfig', ...tsc, ...own, '--outDir', join(to, dirname(name)), join(src, `${name}.ts`)];
  execFileSync(join(root, 'node_modules/.bin/tsc'), args, { cwd: root, stdio: 'inherit' });
}

/** An application that emits audit events installs no agent: nothing is shared with it but the version and the licence. */
async function buildClient() {
  const client = await rolldown({
    input: join(src, 'client/audit.ts'),
    platform: 'node',
    external: (id) => !/^[./]/.test(id),
  });
  await client.write({ file: join(to, 'client/audit.js'), format: 'esm' });
  declare('client/audit');
  for (const file of globSync(join(to, 'client/*.d.ts'))) {
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/(from '\.\/\w+)\.ts'/g, "$1.js'"));
  }
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const manifest = { ...JSON.parse(readFileSync(join(src, 'client/package.json'), 'utf8')), version };
  writeFileSync(join(to, 'client/package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  copyFileSync(join(src, 'client/README.md'), join(to, 'client/README.md'));
  copyFileSync(join(root, 'LICENSE'), join(to, 'client/LICENSE'));
}

// The types of what a module imports that is a check.
const TYPED = 'checks/custom/define';
declare(TYPED);
await buildClient();
mkdirSync(join(to, 'report/page/client'), { recursive: true });
for (const name of [...kernels, ...page]) copyFileSync(join(src, name), join(to, name));
// Last, for the sake of a program that runs meanwhile.
const made = new Set([...output.map(({ fileName }) => fileName), ...kernels, ...page, `${TYPED}.d.ts`]);
for (const name of globSync('**/*.*', { cwd: to })) {
  if (!made.has(name) && !name.startsWith('client/')) rmSync(join(to, name));
}
chmodSync(join(to, 'main.js'), 0o755);
