/** StatsD over restarts: the units as they are, under a systemd that is booted, and a sender that never waits. */
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootDebian, cannotProve, ROOT } from './debian.ts';

const SHOWN = '/srv/runnel';
const RESTARTS = 5;

const CONFIG = `host: web-1
data_dir: /var/lib/runnel
kafka: {brokers: []}
metrics: {host: false}
statsd: {flush_interval: 1s}
`;

/** Datagrams of a line each, numbered by nothing but their count; it says how many were sent. */
const SENDER = `
import { createSocket } from 'node:dgram';
import { existsSync } from 'node:fs';
const socket = createSocket('udp4');
let sent = 0;
const send = () => new Promise((done) => socket.send('hits:1|c', 8125, '127.0.0.1', done));
while (!existsSync('/root/enough')) {
  for (let i = 0; i < 20; i++, sent++) await send();
  await new Promise((later) => setTimeout(later, 10));
}
process.stdout.write(String(sent));
socket.close();
`;

const SCRIPT = `
set -e
systemd-sysusers
systemctl daemon-reload
systemctl start runnel.socket runnel
/opt/runnel/bin/node /root/sender.mjs > /root/sent &
for i in $(seq ${RESTARTS}); do sleep 1.5; systemctl restart runnel; done
systemctl stop runnel; sleep 1; systemctl start runnel
sleep 1.5; touch /root/enough; wait
systemctl is-active runnel runnel.socket > /root/active
awk '/:1FBD /{print $NF}' /proc/net/udp > /root/drops
systemctl stop runnel.socket runnel
/opt/runnel/bin/node /opt/runnel/bin/runnel spool cat runnel.metrics -c /etc/runnel/runnel.yaml --json > /root/records
`;

/** By `runnel.socket`: what comes while the agent restarts, or is stopped for a while, is there when it has started. */
export function proveStatsdRestarts(): string {
  const why = cannotProve();
  if (why) return `statsd: NOT PROVEN over restarts under systemd: ${why}`;
  const dir = mkdtempSync(join(tmpdir(), 'runnel-statsd-'));
  try {
    const { read, all } = bootDebian({
      dir,
      script: SCRIPT,
      prepare(at, root) {
        for (const folder of ['opt/runnel/bin', 'etc/runnel', 'etc/sysusers.d'])
          mkdirSync(join(root, folder), { recursive: true });
        copyFileSync(process.execPath, join(root, 'opt/runnel/bin/node'));
        chmodSync(join(root, 'opt/runnel/bin/node'), 0o755);
        symlinkSync(join(SHOWN, 'src/main.ts'), join(root, 'opt/runnel/bin/runnel'));
        for (const unit of ['runnel.service', 'runnel.socket'])
          copyFileSync(join(ROOT, 'systemd', unit), join(root, 'etc/systemd/system', unit));
        copyFileSync(join(ROOT, 'systemd/runnel.sysusers.conf'), join(root, 'etc/sysusers.d/runnel.conf'));
        writeFileSync(join(root, 'etc/runnel/runnel.yaml'), CONFIG);
        writeFileSync(at('sender.mjs'), SENDER);
      },
      shown: [ROOT, SHOWN],
    });
    assert.equal(read('active'), 'active\nactive', all());
    const sent = Number(read('sent'));
    const received = hitsIn(read('records'));
    assert.ok(sent > 1000, all());
    assert.deepEqual({ received, drops: read('drops') }, { received: sent, drops: '0' }, all());
    return `statsd: ${sent} datagrams over ${RESTARTS + 1} restarts under systemd, each counted once`;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function hitsIn(records: string): number {
  let hits = 0;
  for (const line of records.split('\n').filter(Boolean)) {
    const record = JSON.parse((JSON.parse(line) as { value: string }).value) as { name: string; value: number };
    if (record.name === 'hits') hits += record.value;
  }
  return hits;
}
