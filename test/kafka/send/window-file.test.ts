import assert from 'node:assert/strict';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Accounts } from '../../../src/core/account.ts';
import { SavedWindows } from '../../../src/kafka/send/saved-windows.ts';
import {
  readWindows,
  removeWindow,
  type SavedPacket,
  type SavedWindow,
  writeWindow,
} from '../../../src/kafka/send/window-file.ts';
import { sealedHeader } from '../../../src/records/record-batch.ts';
import { makeBlock } from '../../support/blocks.ts';
import { directory } from '../../support/directory.ts';

async function packet(sequence: number, values: string[], weights: Record<string, number>): Promise<SavedPacket> {
  const { body, codec, count, time } = await makeBlock('t', values);
  const header = sealedHeader(body, { count, codec, time, producerId: 5n, epoch: 1, sequence });
  return { header, body, weights: new Map(Object.entries(weights)) };
}

async function sample(topic = 'app.logs', partition = 3): Promise<SavedWindow> {
  const packets = [
    await packet(7, ['one', 'two'], {}),
    await packet(9, ['three'], { 'logs.a': 2, 'logs.b': 1 }),
    await packet(10, ['four', 'five'], { 'logs.a': 2 }),
  ];
  return { topic, partition, cluster: 'c', topicId: 'id', partitions: 6, saved: 1_700_000_000_000, packets };
}

test('a window is read as it was written, with the mode of a secret of the group', async (t) => {
  const dir = join(directory(t), 'window');
  const long = await sample('x'.repeat(249), 0);
  for (const window of [await sample(), long]) await writeWindow(dir, window);
  const { windows, damage } = await readWindows(dir);
  assert.deepEqual(windows, [await sampleAs(windows[0]!), { ...long, packets: windows[1]!.packets }]);
  assert.deepEqual(damage, []);
  assert.equal((await stat(join(dir, 'app.logs-3'))).mode & 0o777, 0o640);
  for (const window of windows) await removeWindow(dir, window);
  assert.deepEqual(await readdir(dir), []);
});

/** The sample, but for the times of its packets, which are now. */
async function sampleAs(read: SavedWindow): Promise<SavedWindow> {
  const window = await sample();
  const packets = read.packets.map(({ header, body }, i) => {
    assert.deepEqual(body, window.packets[i]!.body);
    return { header, body, weights: window.packets[i]!.weights };
  });
  return { ...window, packets };
}

test('a directory that is not there holds no windows; a half-written one is removed', async (t) => {
  const dir = join(directory(t), 'window');
  assert.deepEqual(await readWindows(dir), { windows: [], damage: [] });
  await writeWindow(dir, await sample());
  await writeFile(join(dir, 'abc.new'), 'RUNNEL');
  assert.equal((await readWindows(dir)).windows.length, 1);
  assert.deepEqual(await readdir(dir), ['app.logs-3']);
});

test('a window of a newer version ends the start, and is left alone', async (t) => {
  const dir = directory(t);
  await writeFile(join(dir, 't-0'), 'RUNNEL WINDOW 2\nwhatever');
  await assert.rejects(readWindows(dir), /t-0 has format 2, this version reads up to 1: run the newer version/);
});

test('whatever byte is flipped, and wherever it is cut: what checks is found, and the rest is counted', async (t) => {
  const dir = directory(t);
  await writeWindow(dir, await sample());
  const path = join(dir, 'app.logs-3');
  const good = await readFile(path);
  const whole = (await readWindows(dir)).windows[0]!.packets.map(({ body }) => body.toString('hex'));
  for (let at = 0; at < good.length; at++) {
    for (const cut of [false, true]) {
      const bytes = Buffer.from(good);
      bytes[at]! ^= 0x41;
      await writeFile(path, cut ? bytes.subarray(0, at) : bytes);
      const accounts = new Accounts();
      const { windows, damage } = await readWindows(dir);
      const found = windows[0]!.packets.map(({ body }) => body.toString('hex'));
      assert.ok(found.length >= (cut ? 0 : 2), `${found.length} packets with byte ${at} flipped`);
      assert.ok(found.every((body) => whole.includes(body)));
      const known = windows[0]!.saved > 0;
      if (!known || found.length < 3) assert.equal(damage.length, 1, `byte ${at}`);
      // The count of items holds as long as the index does.
      await SavedWindows.open(dir, accounts).catch((error) => assert.match(error.message, /ENOENT/));
    }
  }
});

test('what a window held is recovered, in flight where it checks, and dropped where not', async (t) => {
  const dir = directory(t);
  await writeWindow(join(dir, 'window'), await sample());
  const path = join(dir, 'window', 'app.logs-3');
  const bytes = await readFile(path);
  bytes[bytes.length - 1]! ^= 1;
  await writeFile(path, bytes);
  const accounts = new Accounts();
  const windows = await SavedWindows.open(dir, accounts);
  const a = accounts.of('logs.a');
  assert.deepEqual([a.recovered, a.dropped, a.losses.get('window_damaged')?.records], [4, 2, 2]);
  assert.deepEqual([accounts.of('logs.b').recovered, accounts.of('logs.b').dropped], [1, 0]);
  assert.deepEqual(
    [...windows.pending()],
    [
      { input: 'logs.a', weight: 2 },
      { input: 'logs.b', weight: 1 },
    ],
  );
});
