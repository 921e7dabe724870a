// Makes dist/, what the package ships: `npm run build`. The sources are put together into few files, as a start that loads
// each by itself pays for every one. What is loaded when it is needed (`import()`) stays so, in files of its own; packages
// of npm stay where they are.
//
//   dist/main.js                     an entry, as is each file that is started as a thread or process: they keep the
//   dist/sources/statsd/worker.js    names of their sources, and so does what is found beside a source (kernels)
//   dist/NAME-HASH.js                everything else, in one folder
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, globSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
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
const kernels = globSync('kernel/*.wasm', { cwd: src });
// The types of what a module imports that is a check.
const TYPED = 'checks/custom/define';
const tsc = ['--declaration', '--emitDeclarationOnly', '--target', 'esnext', '--outDir', join(to, dirname(TYPED))];
execFileSync(join(root, 'node_modules/.bin/tsc'), ['--ignoreConfig', ...tsc, join(src, `${TYPED}.ts`)], {
  stdio: 'inherit',
});
for (const name of kernels) copyFileSync(join(src, name), join(to, name));
// Last, for the sake of a program that runs meanwhile.
const made = new Set([...output.map(({ fileName }) => fileName), ...kernels, `${TYPED}.d.ts`]);
for (const name of globSync('**/*.*', { cwd: to })) if (!made.has(name)) rmSync(join(to, name));
chmodSync(join(to, 'main.js'), 0o755);
