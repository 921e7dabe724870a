/**
 * `runnel verify` on a topic that the agent has filled with one file at full speed: records a second, as the command says
 * it (Kafka and decompression included, its start not), the CPU time and the memory of the process.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { freshTopic, untilStored } from '../support/kafka.ts';
import { writeAccessLog } from './access-log.ts';
import { AgentProcess } from './agent.ts';
import { type Bench, type Figure, median, progress } from './bench.ts';
import { cpuSeconds, memoryMb } from './proc.ts';

const LOOK_MS = 20;
const LIMIT_MS = 600_000;
const VERIFY = ['verify', '--json', '--exactly-once'];

interface Run {
  rate: number;
  cpu: number;
  peakMb: number;
}

export async function verify(bench: Bench): Promise<Figure[]> {
  const { main, dir, kafka, lines, runs } = bench;
  const include = join(dir, 'verify.log');
  writeAccessLog(include, lines);
  const figures: Figure[] = [];
  for (const encoding of ['json', 'raw'] as const) {
    const topic = await freshTopic(kafka.brokers, 'bench-verify');
    {
      await using _agent = await AgentProcess.start({ main, dir, brokers: kafka.brokers, topic, include, encoding });
      await untilStored(kafka.brokers, topic, lines, LIMIT_MS);
    }
    for (const [name, more, target] of [
      [`verify, ${encoding} zstd-1`, [], 500],
      [`verify --file, ${encoding} zstd-1`, ['--file', include], undefined],
    ] as const) {
      const done: Run[] = [];
      for (let run = 1; run <= runs; run++) {
        done.push(await runVerify(main, [...VERIFY, '--brokers', kafka.brokers, '--topic', topic, ...more], lines));
        progress(`${name} ${run}/${runs}: ${(done.at(-1)!.rate / 1000).toFixed(0)} k records/s`);
      }
      const rates = done.map(({ rate }) => rate / 1000);
      const cpu = done.map((run) => run.cpu / (lines / 1e6));
      const at_least = target === undefined ? {} : { at_least: target };
      figures.push(
        { name, value: median(rates), unit: 'k records/s', ...at_least, runs: rates },
        { name, value: median(cpu), unit: 'CPU-s/M', runs: cpu },
        { name, value: median(done.map(({ peakMb }) => peakMb)), unit: 'MB at most' },
      );
    }
  }
  return figures;
}

/** CPU seconds are those of all of the process. */
export async function runVerify(main: string, args: readonly string[], lines: number): Promise<Run> {
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  const [run, ended] = [{ cpu: 0, peakMb: 0 }, once(child, 'close')];
  const look = setInterval(() => {
    try {
      // What has ended and is not waited for yet says 0.
      run.cpu = Math.max(run.cpu, cpuSeconds(child.pid!).total);
      run.peakMb = Math.max(run.peakMb, memoryMb(child.pid!).peak);
    } catch {
      // It has just ended: what was seen last is kept.
    }
  }, LOOK_MS);
  const [code] = await ended;
  clearInterval(look);
  const report = JSON.parse(out) as { records: number; seconds: number; result: string };
  if (code !== 0 || report.records !== lines) throw new Error(`verify ended with ${code}: ${out.slice(0, 1000)}`);
  return { ...run, rate: report.records / report.seconds };
}
