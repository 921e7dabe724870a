// Compiles every src/kernel/*.as.ts (AssemblyScript) to a .wasm of the same stem beside it, where that is missing or was
// made of other sources: their hash is in it, as a section of its own. (Times say nothing where files are copied.) Runs
// as npm's `prepare`, so it keeps to what Node 20 has. Without src/ (the published package, which ships the .wasm) it
// does nothing. `--force` compiles in any case.
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = 'src/kernel';
const SECTION = 'sources';

// A kernel imports its memory, shared and of any size. It has no start-up data of its own; if a literal ever needed some,
// --memoryBase puts them from 1216 on, which the kernels' layouts leave free up to 2048.
const OPTIONS = [
  '-O3',
  '--runtime stub',
  '--noAssert',
  '--use abort=',
  '--enable simd',
  '--enable threads',
  '--enable relaxed-simd',
  '--importMemory',
  '--noExportMemory',
  '--sharedMemory',
  '--initialMemory 1',
  '--maximumMemory 65536',
  '--memoryBase 1216',
].flatMap((option) => option.split(' '));

function sources(under) {
  const names = readdirSync(join(root, under), { recursive: true });
  return names.filter((name) => name.endsWith('.as.ts')).map((name) => join(root, under, name));
}

function hashOf(inputs) {
  const hash = createHash('sha256');
  for (const input of inputs.sort()) {
    const bytes = readFileSync(input);
    hash.update(`${relative(root, input)} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest();
}

function isMadeOf(wasm, hash) {
  const bytes = existsSync(wasm) ? readFileSync(wasm) : Buffer.alloc(0);
  if (!WebAssembly.validate(bytes)) return false;
  const [section] = WebAssembly.Module.customSections(new WebAssembly.Module(bytes), SECTION);
  return section !== undefined && hash.equals(Buffer.from(section));
}

/** A custom section: 0, its length, its name's length, its name, and what it holds. */
function note(wasm, hash) {
  const name = Buffer.from(SECTION);
  appendFileSync(wasm, Buffer.from([0, 1 + name.length + hash.length, name.length, ...name, ...hash]));
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
  const hash = hashOf([...sources(folder), fileURLToPath(import.meta.url)]);
  const entries = readdirSync(join(root, folder)).filter((name) => name.endsWith('.as.ts'));
  for (const entry of entries) {
    const wasm = `${folder}/${entry.replace(/\.as\.ts$/, '.wasm')}`;
    if (!process.argv.includes('--force') && isMadeOf(join(root, wasm), hash)) continue;
    await compile(`${folder}/${entry}`, wasm);
    note(join(root, wasm), hash);
    console.log(`${wasm}: ${statSync(join(root, wasm)).size} bytes`);
  }
}
