// Finishes dist/ after tsc, as part of `npm run build`: puts the kernels beside the compiled JavaScript, takes away what
// was compiled from sources that are gone, makes the program executable.
import { chmodSync, copyFileSync, existsSync, globSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const from = join(root, 'src/kernel');
const to = join(root, 'dist/kernel');

await import('./build-kernel.mjs');
mkdirSync(to, { recursive: true });
for (const name of readdirSync(from)) {
  if (name.endsWith('.wasm')) copyFileSync(join(from, name), join(to, name));
}
for (const file of globSync('**/*.{js,wasm}', { cwd: join(root, 'dist') })) {
  const source = join(root, 'src', file.replace(/\.js$/, '.ts'));
  if (!existsSync(source)) rmSync(join(root, 'dist', file));
}
chmodSync(join(root, 'dist/main.js'), 0o755);
