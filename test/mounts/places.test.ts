/** Where a path leads is found out without touching a file system that hangs. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Namespace, withFuse } from '../support/fuse.ts';

const FS = new URL('../../src/mounts/fs.ts', import.meta.url).href;
const OPEN = new URL('../../src/mounts/open.ts', import.meta.url).href;

/** What each call says of each path, in a process that would never end if it asked there. */
const PROGRAM = `
import * as fs from ${JSON.stringify(FS)};
import { openRegular } from ${JSON.stringify(OPEN)};
const calls = {
  stat: (path) => fs.statSync(path),
  lstat: (path) => fs.lstatSync(path),
  open: (path) => fs.closeSync(openRegular(path).fd),
  list: (path) => fs.readdirSync(path),
  real: (path) => fs.realpathSync(path),
};
const said = {};
for (const path of process.argv.slice(1)) {
  said[path] = Object.entries(calls).filter(([, call]) => {
    try { call(path); } catch (error) { return error instanceof fs.Elsewhere; }
    return false;
  }).map(([name]) => name).join(' ');
}
console.log(JSON.stringify(said));
`;

test('nothing is asked of it, by whatever path it is reached', withFuse, async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'runnel-places-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const at = (name: string) => join(root, name);
  for (const dir of ['backing', 'far', 'near/below', 'links']) mkdirSync(at(dir), { recursive: true });
  writeFileSync(at('near/a.log'), 'a\n');
  const links: [string, string][] = [
    ['links/dir', at('far')],
    ['links/file', at('far/a.log')],
    ['links/chain', 'dir'],
    ['links/up', '../near/../far/below'],
    ['links/through', at('links/chain/a.log')],
    ['links/near', '../near/a.log'],
    ['links/round', 'round'],
    ['near/below/back', '../../links/dir/../far'],
  ];
  for (const [name, target] of links) symlinkSync(target, at(name));
  await using space = await Namespace.make();
  await (await space.fuse(at('backing'), at('far'))).hang();
  const all = 'stat lstat open list real';
  const followed = 'stat open list real';
  const expected: Record<string, string> = {
    far: all,
    'far/a.log': all,
    'far/deep/er': all,
    'links/dir': followed,
    'links/dir/a.log': all,
    'links/file': followed,
    'links/chain': followed,
    'links/up': followed,
    'links/through': followed,
    'near/below/back': followed,
    'links/near': '',
    'links/round': '',
    'near/a.log': '',
    near: '',
    farther: '',
  };
  const paths = Object.keys(expected).map(at);
  const [program, ...args] = [...space.through, process.execPath, '--input-type=module', '--eval', PROGRAM, ...paths];
  const { stdout, stderr } = spawnSync(program!, args, { encoding: 'utf8', timeout: 20_000, killSignal: 'SIGKILL' });
  assert.ok(stdout.startsWith('{'), `it hangs, or failed: ${stderr}`);
  assert.deepEqual(JSON.parse(stdout), Object.fromEntries(Object.entries(expected).map(([k, v]) => [at(k), v])));
});
