// Compiles every src/kernel/*.as.ts (AssemblyScript) to a .wasm of the same stem beside it, where that is missing or
// older than a source. Runs as npm's `prepare`, so it keeps to what Node 20 has. Without src/ (the published package,
// which ships the .wasm) it does nothing. `--force` compiles in any case.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = 'src/kernel';

// A kernel imports its memory, shared and of any size. It has no start-up data of its own; if a literal ever needed some,
// --memoryBase puts them from 1024 on, which the kernels' layouts leave free up to 2048.
const OPTIONS = [
  '-O3',
  '--runtime stub',
  '--noAssert',
  '--use abort=',
  '--enable simd',
  '--enable threads',
  '--importMemory',
  '--noExportMemory',
  '--sharedMemory',
  '--initialMemory 1',
  '--maximumMemory 65536',
  '--memoryBase 1024',
].flatMap((option) => option.split(' '));

function sources(under) {
  const names = readdirSync(join(root, under), { recursive: true });
  return names.filter((name) => name.endsWith('.as.ts')).map((name) => join(root, under, name));
}

function isFresh(wasm, inputs) {
  if (!existsSync(wasm)) return false;
  const built = statSync(wasm).mtimeMs;
  return inputs.every((input) => statSync(input).mtimeMs < built);
}

async function compile(entry, wasm) {
  const { default: asc } = await import('assemblyscript/asc').catch((error) => {
    throw new Error('cannot compile the kernel: install the development dependencies', { cause: error });
  });
  const { error, stderr } = await asc.main([entry, '--outFile', wasm, '--baseDir', root, ...OPTIONS]);
  process.stderr.write(String(stderr));
  if (error) throw new Error(`cannot compile ${entry}: ${error.message}`);
}

if (existsSync(join(root, folder))) {
  const inputs = [...sources(folder), fileURLToPath(import.meta.url)];
  const entries = readdirSync(join(root, folder)).filter((name) => name.endsWith('.as.ts'));
  for (const entry of entries) {
    const wasm = `${folder}/${entry.replace(/\.as\.ts$/, '.wasm')}`;
    if (!process.argv.includes('--force') && isFresh(join(root, wasm), inputs)) continue;
    await compile(`${folder}/${entry}`, wasm);
    console.log(`${wasm}: ${statSync(join(root, wasm)).size} bytes`);
  }
}
