import { createSocket } from 'node:dgram';
import { test } from 'node:test';
import { startTelemetry } from '../../src/report/telemetry.ts';
import { statusOf } from '../support/status.ts';

test('the own figures go to StatsD: gauges as they are, counters as their increase', async () => {
  const server = createSocket('udp4');
  await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
  const lines: string[] = [];
  let said = () => {};
  server.on('message', (packet) => {
    lines.push(...packet.toString().split('\n').filter(Boolean));
    said();
  });
  const status = statusOf();
  const telemetry = startTelemetry({
    statsd: `udp://127.0.0.1:${server.address().port}`,
    tags: { env: 'prod' },
    status: () => status,
    interval_ms: 50,
  });
  const dropped = (value: number) =>
    lines.some(
      (l) =>
        l.startsWith(`runnel.dropped_total:${value}|c|`) && l.includes('reason:kernel_drop') && l.includes('env:prod'),
    );
  async function until(fact: () => boolean): Promise<void> {
    while (!fact()) {
      await new Promise<void>((resolve) => {
        said = resolve;
      });
    }
  }
  await until(() => dropped(1));
  await until(() => lines.some((l) => l.startsWith('runnel.ready:1|g')));
  status.lost[0]!.records += 5;
  await until(() => dropped(5));
  await telemetry.close();
  server.close();
});
