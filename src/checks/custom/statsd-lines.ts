/** StatsD's lines as a program prints them: counters are of this run, gauges what is so now; timings are their average. */
import { parseLine } from '../../sources/statsd/parse.ts';
import type { Collector } from './collector.ts';
import type { Steps } from './steps.ts';

export async function readStatsd(text: string, to: Collector, steps: Steps): Promise<void> {
  for (const [i, line] of text.split('\n').entries()) {
    const pause = steps.step();
    if (pause) await pause;
    if (line.trim() === '') continue;
    for (const said of parseLine(Buffer.from(line))) {
      if (said.kind === 'rejected') throw new Error(`line ${i + 1}: ${said.detail}`);
      if (said.kind !== 'metric') continue;
      const labels = Object.fromEntries(said.tags);
      const sum = said.values.reduce((a, b) => a + b, 0);
      if (said.type === 'c') to.count(said.name, sum / (said.rate ?? 1), labels);
      else if (said.type === 'g') to.gauge(said.name, said.values.at(-1)!, labels);
      else if (said.type !== 's')
        to.gauge(said.name, sum / said.values.length, labels, said.type === 'ms' ? 'ms' : '1');
    }
  }
}
