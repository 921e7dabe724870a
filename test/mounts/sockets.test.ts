/** Sockets, tokens and certificates of the agent's own are not looked for on a file system that hangs: it says so, and what to do. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Namespace, withFuse } from '../support/fuse.ts';

const source = (path: string) => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);

/** What each says of the directory, in a process that would never end if it asked there. */
const PROGRAM = `
import { createServer } from 'node:net';
import { listen } from ${source('http/listen.ts')};
import { tlsServer } from ${source('http/tls.ts')};
import { otlpListeners } from ${source('sources/otlp/listeners.ts')};
import { Forwards } from ${source('sources/statsd/forwards.ts')};
import { ListenSocket } from ${source('sources/statsd/receive/socket.ts')};
const far = process.argv[1];
const said = [];
const say = (error) => said.push(error.message);
for (const reception of ['datagrams', 'connections']) {
  try { ListenSocket.open({ path: far + '/s' }, reception, { receiveBuffer: 65536, credentials: false }); } catch (error) { say(error); }
}
await listen(createServer(), { path: far + '/s' }).catch(say);
await otlpListeners({ http: [], grpc: [], datadog: [], cors_origins: [], token_file: far + '/s' }, {}).catch(say);
await tlsServer({ cert_file: far + '/s', key_file: far + '/s' }).catch(say);
const forwards = new Forwards(['unixgram://' + far + '/s'], { thread: { counters: { forwarded: () => ({ packets: 0, lost: 0 }) } }, listen: [], native: true });
const abort = new AbortController();
const opening = forwards.open(abort.signal);
await new Promise(setImmediate);
say({ message: forwards.status()[0].error });
abort.abort();
await opening;
console.log(JSON.stringify(said));
process.exit(0);
`;

test('what is on a file system that hangs is refused', withFuse, async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'runnel-sockets-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const far = join(root, 'far');
  for (const dir of [far, join(root, 'backing')]) mkdirSync(dir);
  await using space = await Namespace.make();
  await (await space.fuse(join(root, 'backing'), far)).hang();
  const [program, ...args] = [...space.through, process.execPath, '--input-type=module', '--eval', PROGRAM, far];
  const { stdout, stderr } = spawnSync(program!, args, { encoding: 'utf8', timeout: 20_000, killSignal: 'SIGKILL' });
  assert.ok(stdout.startsWith('['), `it hangs, or failed: ${stderr}`);
  const said = JSON.parse(stdout) as string[];
  const why =
    /\/far\/s is on a file system that may hang \(fuse\S* at \S+\/far\): name one on a file system of this machine$/;
  for (const message of said) assert.match(message, why);
  assert.equal(said.length, 6);
  assert.match(said[3]!, /^cannot start otlp: cannot read the token of otlp\.token_file: /);
});
