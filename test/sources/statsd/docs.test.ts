/** docs/statsd.md: its configurations are valid, and its commands do what it says, beside an agent that runs as it says. */
// Slow: starts an agent, and commands.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { datagramsAvailable } from '../../../src/native/sockets.ts';
import { loadConfig } from '../../../src/options.ts';
import { until } from '../../support/until.ts';

const TEXT = readFileSync(new URL('../../../docs/statsd.md', import.meta.url), 'utf8');
const MAIN = new URL('../../../src/main.ts', import.meta.url).pathname;

function blocks(language: string): string[] {
  return [...TEXT.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 'gs'))].map(([, text]) => text!);
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

test('what docs/statsd.md says can be done', {
  skip: !datagramsAvailable() && 'NOT TESTED: libc cannot be called here',
}, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-docs-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const port = await freePort();
  const here = (text: string) =>
    text.replaceAll('/run/runnel', dir).replaceAll('8126', '0').replaceAll('8125', String(port));
  const [first, ...others] = blocks('yaml').map(here);
  const common = `host: web-1\ndata_dir: ${dir}/data\nkafka: {brokers: []}\nmetrics: {host: false}\n`;
  const config = join(dir, 'runnel.yaml');
  // One window, however slow the machine is.
  const long = (text: string) => text.replace(/^statsd:\n/, 'statsd:\n  flush_interval: 1h\n');
  for (const text of [...others, first!].map(long)) {
    writeFileSync(config, `${common}${text}admin: {listen: 127.0.0.1:0, socket: ${dir}/admin.sock}\n`);
    await loadConfig(config);
  }
  const agent = spawn(process.execPath, [MAIN, 'run', '-c', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  t.after(() => agent.kill('SIGKILL'));
  let said = '';
  agent.stderr.on('data', (text: Buffer) => {
    said += text;
  });
  await until('it has started', () => said.includes('has started') || agent.exitCode !== null);
  assert.equal(agent.exitCode, null, said);
  const asked = /^(runnel (?:status|top statsd|statsd capture))/gm;
  for (const commands of blocks('sh')) {
    const script = here(commands).replaceAll('--seconds 10', '--seconds 2').replace(asked, `$1 -c ${config}`);
    const program = `set -euo pipefail; cd ${dir}; runnel() { '${process.execPath}' '${MAIN}' "$@"; }\n${script}`;
    const { stdout, stderr } = await promisify(execFile)('bash', ['-c', program]);
    if (commands.includes('explain')) {
      assert.match(stdout, /"values":\[3,4\]/);
      assert.match(stdout, new RegExp(`udp://127\\.0\\.0\\.1:${port}: 1 packet, 1 line`));
      assert.match(stdout, /BY SAMPLES +SAMPLES +SERIES\npage\.views +1 +1\n/);
    } else assert.match(stderr, /0 packets, 8 B.*\n0 packets were sent/);
  }
});
