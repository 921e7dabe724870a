/**
 * Makes a single executable, for hosts without Node: `npm run sea`. It is the Node that runs a clone, with the package in it
 * (sea-main.cjs says how it runs). Only for the kind of machine that it is made on.
 *
 *   --to DIR    where to (default: here)
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { constants, zstdCompressSync } from 'node:zlib';
import { installPackage } from './install-package.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** Of the packages: what is read by people and compilers only. */
const NOT_RUN = /\.(md|d\.[cm]?ts|ts|map|cc|hh|h|S)$/;

/** Builds it. Returns its path. */
export function buildSea({ to = '.' } = {}) {
  const dir = fs.mkdtempSync(join(tmpdir(), 'runnel-sea-'));
  try {
    const at = join(dir, 'package');
    installPackage(at, process.arch);
    const packed = pack(at);
    const { version } = JSON.parse(fs.readFileSync(join(root, 'package.json'), 'utf8'));
    const hash = createHash('sha256').update(packed).digest('hex').slice(0, 16);
    fs.writeFileSync(join(dir, 'name'), `${version}-${hash}`);
    fs.writeFileSync(
      join(dir, 'packed'),
      zstdCompressSync(packed, { params: { [constants.ZSTD_c_compressionLevel]: 19 } }),
    );
    const file = join(resolve(to), `runnel-linux-${process.arch}`);
    const config = {
      main: join(root, 'scripts/sea-main.cjs'),
      output: file,
      disableExperimentalSEAWarning: true,
      assets: { name: join(dir, 'name'), package: join(dir, 'packed') },
    };
    fs.writeFileSync(join(dir, 'sea.json'), JSON.stringify(config));
    execFileSync(process.execPath, ['--build-sea', join(dir, 'sea.json')], { stdio: ['ignore', 'ignore', 'inherit'] });
    return file;
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
}

/** All files of a directory in one, as sea-main.cjs takes them apart. */
function pack(at) {
  const length = (bytes) => {
    const prefix = Buffer.alloc(4);
    prefix.writeUInt32LE(bytes.length);
    return [prefix, bytes];
  };
  const files = fs.readdirSync(at, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  const run = paths.filter((path) => !path.includes('/node_modules/') || !NOT_RUN.test(path));
  return Buffer.concat(
    run.flatMap((path) => [...length(Buffer.from(relative(at, path))), ...length(fs.readFileSync(path))]),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = buildSea(parseArgs({ options: { to: { type: 'string' } } }).values);
  console.log(`${file}: ${(fs.statSync(file).size / 1e6).toFixed(1)} MB`);
}
