// Compiles every src/kernel/*.as.ts (AssemblyScript) to a .wasm of the same stem beside it, where that is missing or
// older than a source. Runs as npm's `prepare`, so it keeps to what Node 20 has. Without src/ (the published package,
// which ships the .wasm) it does nothing. `--force` compiles in any case.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = 'src/kernel';

// The pool and the series table are shared memories that JavaScript makes: the kernel imports its memory, whatever the
// size. Low memory is left to each kernel's own layout; there are no static data, and --memoryBase keeps it so visible:
// what a string literal would need goes above the first KB.
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
  const { default: asc } = await import('assemblyscript/asc');
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
