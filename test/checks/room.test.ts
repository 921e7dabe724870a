import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Namespace, withFuse } from '../support/fuse.ts';

const ROOM = fileURLToPath(new URL('../../src/checks/room.ts', import.meta.url));
const PROGRAM = `
import { roomOf } from ${JSON.stringify(ROOM)};
const [, hanging, near] = process.argv;
const read = async (path) => (await roomOf(path, null)).bytes ?? null;
const first = [await read(hanging), await read(near)];
process.stdout.write(JSON.stringify([...first, await read(hanging)]) + '\\n');
process.exit();
`;

test(
  'a file system that hangs holds up neither the others nor the end, and one that answers is asked',
  withFuse,
  async (t) => {
    const root = mkdtempSync(join(tmpdir(), 'runnel-room-'));
    t.after(() => rmSync(root, { recursive: true, force: true }));
    for (const dir of ['backing', 'far']) mkdirSync(join(root, dir));
    await using space = await Namespace.make();
    const fuse = await space.fuse(join(root, 'backing'), join(root, 'far'));
    const ask = async () => {
      const args = [process.execPath, '--input-type=module', '--eval', PROGRAM, join(root, 'far'), root];
      const [program, ...rest] = [...space.through, ...args];
      const child = spawn(program!, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
      const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
      let said = '';
      for await (const piece of child.stdout.setEncoding('utf8')) said += piece;
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      clearTimeout(timer);
      return JSON.parse(said) as (number | null)[];
    };
    const [far, near] = await ask();
    assert.equal(far, near);
    await fuse.hang();
    assert.deepEqual(await ask(), [null, near, null]);
  },
);
