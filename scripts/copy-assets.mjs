// Puts beside the compiled JavaScript what tsc does not copy: the kernels. Runs after tsc, as part of `npm run build`.
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
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
