/**
 * The crash tests in their long form:  npm run test:crash -- [files|counters|exactly-once|outage] [--rounds N] [--seed N]
 *
 * A Kafka of its own unless KAFKA_BROKERS names one (outage always has its own: its connections are cut).
 */
import { parseArgs } from 'node:util';
import { noKafka, startKafka } from '../support/kafka.ts';
import { killCounters } from './counters.ts';
import { killFiles } from './files.ts';
import { outage, rotatedAway } from './outage.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string' }, seed: { type: 'string', default: '1' } },
});
const all = ['files', 'counters', 'exactly-once', 'outage'];
const chosen = positionals.length > 0 ? positionals : all;
const unknown = chosen.find((name) => !all.includes(name));
if (unknown !== undefined) {
  console.error(`no crash test is called ${unknown}: there are ${all.join(', ')}`);
  process.exit(2);
}
if (noKafka) {
  console.error(`the crash tests need a Kafka: ${noKafka}`);
  process.exit(1);
}

const kafka = await startKafka();
try {
  const { brokers } = kafka;
  const seed = Number(values.seed);
  const rounds = (usual: number) => (values.rounds === undefined ? usual : Number(values.rounds));
  const say = (line: string) => console.log(`  ${line}`);
  for (const name of chosen) {
    console.log(`${name} (seed ${seed})`);
    const began = performance.now();
    let said: object;
    if (name === 'files') {
      said = await killFiles({ brokers, rounds: rounds(200), delivery: 'at_least_once', seed, say });
    } else if (name === 'exactly-once') {
      said = await killFiles({ brokers, rounds: rounds(100), delivery: 'exactly_once', seed, say });
    } else if (name === 'counters') {
      said = await killCounters({ brokers, rounds: rounds(100), delivery: 'at_least_once', seed, say });
    } else {
      said = {
        SIGTERM: await outage(kafka, 'SIGTERM'),
        SIGKILL: await outage(kafka, 'SIGKILL'),
        rotated: await rotatedAway(kafka),
      };
    }
    console.log(`${name}: nothing lost ${JSON.stringify(said)} in ${Math.round((performance.now() - began) / 1000)} s`);
  }
} finally {
  await kafka.stop();
}
