/** The container image, as far as it can be known without building it: its Dockerfile and the configuration in it. */
// Slow: starts an agent.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import fs from 'node:fs';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { makeHome, runnel } from './support/agent.ts';
import { freePort } from './support/ports.ts';

const ROOT = dirname(import.meta.dirname);
const MANIFEST = JSON.parse(fs.readFileSync(join(ROOT, 'package.json'), 'utf8'));
/** Each instruction and what it is given, of the stage that becomes the image. */
const stages = fs
  .readFileSync(join(ROOT, 'Dockerfile'), 'utf8')
  .replace(/^#.*\n/gm, '')
  .replace(/\\\n/g, ' ')
  .split(/^(?=FROM )/m)
  .map((stage) =>
    stage
      .trim()
      .split('\n')
      .map((line) => /^(\w+) (.*)$/.exec(line)!.slice(1) as [string, string]),
  );
const [build, image] = stages as [[string, string][], [string, string][]];
const given = (stage: [string, string][], instruction: string) =>
  stage.filter(([name]) => name === instruction).map(([, text]) => text);

test('what the image copies is there, and the package is made of all that it ships', () => {
  const copied = [...given(build, 'COPY'), ...given(image, 'COPY').filter((text) => !text.startsWith('--from='))];
  const sources = copied.flatMap((text) => text.split(' ').slice(0, -1));
  assert.deepEqual(
    sources.filter((name) => !fs.existsSync(join(ROOT, name))),
    [],
  );
  const shipped = (MANIFEST.files as string[])
    .filter((name) => !name.startsWith('!'))
    .map((name) => name.split('/')[0]!)
    .filter((name) => name !== 'dist');
  assert.deepEqual(
    shipped.filter((name) => !sources.includes(name)),
    [],
  );
});

test('it runs as a user of the group that may read logs, who owns its state', () => {
  const [user] = given(image, 'USER');
  const made = given(image, 'RUN').find((text) => text.startsWith('useradd '));
  assert.match(made!, new RegExp(` --uid ${user} .* --groups adm `));
  const [state] = given(image, 'VOLUME');
  assert.match(made!, new RegExp(` --home-dir ${state} .* --owner=runnel --group=runnel --mode=0750 ${state}$`));
});

test('its configuration is reached from other machines, on the ports that it exposes', async () => {
  const [, target] = /^config\/image\.yaml (\S+)$/.exec(
    given(image, 'COPY').find((text) => /image\.yaml/.test(text))!,
  )!;
  assert.deepEqual(JSON.parse(given(image, 'CMD')[0]!), ['run', '-c', target]);
  const file = join(ROOT, 'config/image.yaml');
  const { code, stderr } = await runnel('validate', '-c', file);
  assert.equal(code, 0, stderr);

  const { statsd, admin, ...rest } = parse(fs.readFileSync(file, 'utf8'));
  const ports = [statsd.listen[0].replace(/^udp:.*:(\d+)$/, '$1/udp'), admin.listen.replace(/^.*:(\d+)$/, '$1/tcp')];
  assert.deepEqual(given(image, 'EXPOSE')[0]!.split(' '), ports);

  await using home = await makeHome();
  fs.writeFileSync(home.path('a.log'), 'one\n');
  const logs = [{ ...rest.logs[0], include: home.path('*.log') }];
  const free = async (address: string) => address.replace(/\d+$/, String(await freePort()));
  const here = { statsd: { listen: [await free(statsd.listen[0])] }, admin: { listen: await free(admin.listen) } };
  const agent = await home.start({ ...rest, ...here, logs });
  const outside = Object.values(networkInterfaces())
    .flat()
    .find((at) => at?.family === 'IPv4' && !at.internal);
  const address = outside?.address ?? '127.0.0.1';
  const portOf = (listen: string) => Number(listen.split(':').at(-1));
  const answer = await fetch(`http://${address}:${portOf(here.admin.listen)}/ready`);
  assert.equal(answer.status, 200, await answer.text());
  const socket = createSocket('udp4');
  socket.send('hits:1|c', portOf(here.statsd.listen[0]!), address);
  await agent.until(({ statsd }) => statsd.listeners[0]!.packets === 1, 'a datagram from outside is taken');
  await agent.until(({ spool }) => spool.records > 0, 'a line is in the local log');
  socket.close();
  await agent.stop();
});
