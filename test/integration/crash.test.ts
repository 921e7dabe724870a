/** The crash tests of test/crash in a short form; `npm run test:crash` runs hundreds of rounds. */
import { after, before, test } from 'node:test';
import { killCounters } from '../crash/counters.ts';
import { killFiles } from '../crash/files.ts';
import { outage, rotatedAway } from '../crash/outage.ts';
import { noKafka, type ProxiedKafka, sharedKafkaBehindProxy } from '../support/kafka.ts';

const skip = noKafka;
let kafka: ProxiedKafka;

before(async () => {
  if (!skip) kafka = await sharedKafkaBehindProxy();
});
after(async () => {
  await kafka?.[Symbol.asyncDispose]();
});

test('kill -9 at random moments while files are written and rotated loses nothing', { skip }, async () => {
  await killFiles({ brokers: kafka.brokers, rounds: 8, delivery: 'at_least_once' });
});

test('kill -9 at random moments keeps what was in closed StatsD windows, once', { skip }, async () => {
  await killCounters({ brokers: kafka.brokers, rounds: 4, delivery: 'at_least_once' });
});

test('kill -9 with Kafka away loses nothing', { skip }, async () => {
  await outage(kafka, 'SIGKILL', 1000);
});

test('files that are renamed and deleted while acknowledgements do not come arrive whole', { skip }, async () => {
  await rotatedAway(kafka, 8000);
});
test('SIGTERM with Kafka away loses nothing and doubles nothing', { skip }, async () => {
  await outage(kafka, 'SIGTERM', 1000);
});
