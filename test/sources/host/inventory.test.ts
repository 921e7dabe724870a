/** The inventory: what a process of its own finds on this machine, what changed, and the event that says so. */
// Slow: starts the process that takes it.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { changesBetween, type Inventory, inventoryRecord, takeInventory } from '../../../src/checks/inventory.ts';
import { countApk, countDpkg } from '../../../src/checks/packages.ts';
import { Account } from '../../../src/core/account.ts';
import type { Output } from '../../../src/core/pipeline.ts';
import { sendInventories } from '../../../src/sources/host/inventory.ts';
import { directory } from '../../support/directory.ts';
import { recordsOf, TestOutput } from '../../support/output.ts';

const MACHINE: Inventory = {
  hardware: { cpu: 'X', cores: 2, memory_bytes: 1024 },
  os: { distro: 'Debian GNU/Linux', release: '13', kernel: '6.12.1' },
  disks: [{ name: 'sda', bytes: 10 }],
  network: [{ name: 'eth0', ip4: '192.0.2.1' }],
  packages: [{ manager: 'dpkg', count: 7 }],
};

test('what changed is named by its place', () => {
  const later: Inventory = {
    ...MACHINE,
    os: { ...MACHINE.os, kernel: '6.12.2' },
    disks: [],
    network: [{ name: 'eth1', ip4: '192.0.2.2' }, ...MACHINE.network],
    packages: [{ manager: 'dpkg', count: 8 }],
  };
  assert.deepEqual(changesBetween(MACHINE, MACHINE), []);
  assert.deepEqual(changesBetween(MACHINE, later), [
    { path: 'os.kernel', before: '6.12.1', after: '6.12.2' },
    { path: 'disks.sda.name', before: 'sda', after: null },
    { path: 'disks.sda.bytes', before: 10, after: null },
    { path: 'packages.dpkg.count', before: 7, after: 8 },
    { path: 'network.eth1.name', before: null, after: 'eth1' },
    { path: 'network.eth1.ip4', before: null, after: '192.0.2.2' },
  ]);
  const said = (before: Inventory | null) =>
    JSON.parse(inventoryRecord(later, before, 0, { host: 'web-1', labels: { env: 'prod' }, id: 'a-1-0' }));
  assert.equal(said(null).message, 'Debian GNU/Linux 13 6.12.2');
  assert.equal(said(later).message, 'Debian GNU/Linux 13 6.12.2: nothing changed');
  const record = said(MACHINE);
  assert.match(record.message, /: os\.kernel, disks\.sda\.name, disks\.sda\.bytes and 3 more changed$/);
  assert.deepEqual(record.event, {
    id: 'a-1-0',
    kind: 'event',
    dataset: 'inventory',
    provider: 'runnel',
    severity: 'info',
  });
  assert.deepEqual([record.host, record.labels, record.changes_total], [{ name: 'web-1' }, { env: 'prod' }, 6]);
});

test('packages are counted where their managers keep them', () => {
  const dpkg =
    'Package: a\nStatus: install ok installed\n\nPackage: b\nStatus: deinstall ok config-files\n\nPackage: c\nStatus: hold ok installed\n';
  assert.equal(countDpkg(dpkg), 2);
  assert.equal(countApk('C:Q1\nP:musl\nV:1\n\nP:busybox\n'), 2);
});

test('an inventory that does not come is given up', async () => {
  await assert.rejects(takeInventory(new AbortController().signal, 1), /its process ended \(SIGKILL\)/);
});

test('the inventory is an event, with what changed since the last, over a restart too', async (t) => {
  const data_dir = directory(t);
  const account = new Account('host');
  const options = { topic: 'runnel.events', host: 'web-1', tags: {}, data_dir, account, first_ms: 1 };
  const sent: { event: { id: string }; changes: unknown }[] = [];
  const run = async () => {
    const aborter = new AbortController();
    const output = new TestOutput((batch) => {
      assert.equal(batch.stream.topic, 'runnel.events');
      for (const { text } of recordsOf(batch)) sent.push(JSON.parse(text));
      batch.stream.account.forwarded += batch.weight;
      // When it is written down.
      setTimeout(() => aborter.abort(), 300);
    }, 32 << 20);
    await sendInventories({ ...options, nextWindowId: () => `agent-${sent.length}` }, output, aborter.signal);
  };
  await run();
  const path = join(data_dir, 'inventory.json');
  const known = JSON.parse(readFileSync(path, 'utf8')) as Inventory;
  assert.ok((known.hardware.memory_bytes as number) > 1e8);
  assert.ok(known.network.some(({ name }) => name === 'lo'));
  assert.equal(known.os.kernel, (await import('node:os')).release());
  writeFileSync(path, JSON.stringify({ ...known, os: { ...known.os, kernel: '2.6.32' } }));
  await run();
  assert.deepEqual(
    sent.map(({ event, changes }) => [event.id, changes]),
    [
      ['agent-0-0', []],
      ['agent-1-0', [{ path: 'os.kernel', before: '2.6.32', after: known.os.kernel }]],
    ],
  );
  assert.equal(account.received, 2);
  assert.equal(account.forwarded, 2);
});

test('an inventory that waits for room is in the books when it has it', async (t) => {
  const account = new Account('host');
  const options = { topic: 'runnel.events', host: 'web-1', tags: {}, data_dir: directory(t), account, first_ms: 1 };
  const aborter = new AbortController();
  const noRoom: Output = {
    take(_, signal) {
      assert.equal(account.received, 0);
      queueMicrotask(() => aborter.abort());
      return new Promise((_, reject) => signal!.addEventListener('abort', () => reject(signal!.reason)));
    },
    push: () => assert.fail('it has no room'),
    discard: () => assert.fail('it has no room'),
  };
  await sendInventories({ ...options, nextWindowId: () => 'agent-0' }, noRoom, aborter.signal);
  assert.deepEqual([account.received, account.losses.get('shutdown')?.records], [1, 1]);
});
