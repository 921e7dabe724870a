/**
 * What a single executable begins with (scripts/build-sea.mjs): it unpacks the package beside it, once, and runs it there, as
 * the Node that it is. Threads, programs of its own and libraries need files.
 *
 *   <directory>/<version>-<hash>/     all of it or nothing: it is renamed to that when it is complete
 *
 * The directory is $RUNNEL_UNPACK, else what systemd gives the service (CacheDirectory=, StateDirectory=), else root's
 * /var/cache/runnel or the user's own cache. What is run from there must be nobody else's.
 */
const fs = require('node:fs');
const { createRequire } = require('node:module');
const { homedir } = require('node:os');
const { dirname, join } = require('node:path');
const { getRawAsset, getAsset } = require('node:sea');
const v8 = require('node:v8');
const { zstdDecompressSync } = require('node:zlib');

/** Of what earlier versions have unpacked, so many stay: they may run yet. */
const KEPT = 2;

function directory() {
  const { RUNNEL_UNPACK, CACHE_DIRECTORY, STATE_DIRECTORY, XDG_CACHE_HOME } = process.env;
  if (RUNNEL_UNPACK) return RUNNEL_UNPACK;
  const given = (CACHE_DIRECTORY || STATE_DIRECTORY || '').split(':')[0];
  if (given) return join(given, 'program');
  if (process.getuid() === 0) return '/var/cache/runnel';
  return join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'runnel');
}

/** Ours, and only ours to write. */
function isOurs(path) {
  const { uid, mode } = fs.lstatSync(path);
  return uid === process.getuid() && (mode & 0o022) === 0 && !fs.lstatSync(path).isSymbolicLink();
}

/** Files, each: u32 length of its path, path, u32 length, bytes. */
function unpack(to) {
  const bytes = zstdDecompressSync(Buffer.from(getRawAsset('package')));
  for (let at = 0; at < bytes.length; ) {
    const take = () => {
      const from = at + 4;
      at = from + bytes.readUInt32LE(at);
      return bytes.subarray(from, at);
    };
    const path = join(to, take().toString());
    fs.mkdirSync(dirname(path), { recursive: true });
    fs.writeFileSync(path, take());
  }
}

/** What earlier versions have left, but the newest. */
function sweep(parent, name) {
  const others = fs.readdirSync(parent).filter((other) => other !== name && !other.startsWith('.'));
  const byAge = others.map((other) => ({ path: join(parent, other), at: fs.statSync(join(parent, other)).mtimeMs }));
  byAge.sort((a, b) => b.at - a.at);
  for (const { path } of byAge.slice(KEPT - 1)) fs.rmSync(path, { recursive: true, force: true });
}

function prepare() {
  const name = getAsset('name', 'utf8');
  const parent = directory();
  const at = join(parent, name);
  if (!fs.existsSync(at)) {
    fs.mkdirSync(parent, { recursive: true, mode: 0o755 });
    if (!isOurs(parent)) throw new Error(`${parent} can be written by others: name another directory in RUNNEL_UNPACK`);
    const fresh = fs.mkdtempSync(join(parent, '.new-'));
    fs.chmodSync(fresh, 0o755);
    unpack(fresh);
    try {
      fs.renameSync(fresh, at);
    } catch (error) {
      // Another one was quicker.
      if (!fs.existsSync(at)) throw error;
      fs.rmSync(fresh, { recursive: true });
    }
    sweep(parent, name);
  }
  if (!isOurs(parent) || !isOurs(at)) throw new Error(`${at} can be written by others: remove it`);
  return at;
}

/** A child that the agent forks has Node's options before its program: here nobody takes them out. */
function programOf(at) {
  const given = process.argv.slice(2);
  if (process.channel) {
    const i = given.findIndex((arg) => !arg.startsWith('--'));
    if (i >= 0 && given[i].startsWith(`${at}/`)) {
      for (const option of given.slice(0, i)) if (/^--max-[\w-]+=\d+$/.test(option)) v8.setFlagsFromString(option);
      process.argv = [process.argv[0], ...given.slice(i)];
      return given[i];
    }
  }
  const main = join(at, 'dist/main.js');
  process.argv[1] = main;
  return main;
}

try {
  const program = programOf(prepare());
  createRequire(program)(program);
} catch (error) {
  process.stderr.write(`runnel: cannot unpack itself: ${error.message}\n`);
  process.exitCode = 1;
}
