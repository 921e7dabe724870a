/** When a partition is taken to be gone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Topic } from '../../../src/kafka/connect/topic.ts';

/** What the topic says of partition 2, after answers of so many partitions each; `A3`: three, of a topic with the id A. */
function check(answers: string, expected: ReturnType<Topic['gone']>, after = 0): void {
  const topic = new Topic('t', true);
  for (const answer of answers.split(' ')) learn(topic, answer);
  assert.deepEqual(topic.gone(2, after), expected, answers);
}

/** `-`: it does not exist. `?5`: five partitions, and no id. */
function learn(topic: Topic, answer: string): void {
  const [id, partitions] = [answer[0]!, Number(answer.slice(1))];
  topic.learn({
    topicErrorCode: id === '-' ? 3 : 0,
    topic: 't',
    topicId: id === '?' ? null : id,
    partitionMetadata: Array.from({ length: partitions }, (_, partitionId) => ({ partitionId, leader: 1 })),
  });
}

test('a partition is gone when two answers in a row say so of another topic', () => {
  check('A3 B1 B1', { sure: true });
  check('A3 B1', null);
  check('A3 B1 B2', null);
  check('A3 B1 A3 B1', null);
  check('A3 B1 - B1', null);
  check('A3 - - B1 B1', { sure: true });
  check('A3 B3 B3', null);
  check('A3 B1 B1', null, 60_000);
});

test('a broker that is behind, and says so of the same topic, is never believed', () => {
  check('A3 A1 A1 A1 A1', null);
  check('A1 A3 A1 A1', null);
});

test('where no ids are told it takes six times as long, and it is not sure that nothing of it is there', async () => {
  const topic = new Topic('t', true);
  for (const answer of ['?3', '?1', '?1']) learn(topic, answer);
  const told = new Topic('t', true);
  for (const answer of ['A3', 'B1', 'B1']) learn(told, answer);
  await sleep(60);
  assert.deepEqual(told.gone(2, 50), { sure: true });
  assert.equal(topic.gone(2, 50), null);
  assert.deepEqual(topic.gone(2, 5), { sure: false });
});

test('what an earlier process knew of the topic counts', () => {
  const topic = new Topic('t', true);
  topic.had(2, 'A');
  for (const answer of ['B1', 'B1']) learn(topic, answer);
  assert.deepEqual(topic.gone(2, 0), { sure: true });
  const same = new Topic('t', true);
  same.had(2, 'B');
  for (const answer of ['B1', 'B1']) learn(same, answer);
  assert.equal(same.gone(2, 0), null);
});

test('a topic that is made anew with as many partitions is another one for those that were there before', () => {
  const topic = new Topic('t', true);
  for (const answer of ['A3', 'B3', 'B1', 'B1']) learn(topic, answer);
  assert.equal(topic.gone(2, 0), null, 'of the topic in which it was seen last it cannot be gone');
  assert.equal(topic.changed, true);
  for (const answer of ['C1', 'C1']) learn(topic, answer);
  assert.deepEqual(topic.gone(2, 0), { sure: true });
});

test('partitions with numbers that cannot be are not remembered', () => {
  const topic = new Topic('t', true);
  const partitionMetadata = [0, 7, -1].map((partitionId) => ({ partitionId, leader: 1 }));
  topic.learn({ topicErrorCode: 0, topic: 't', topicId: 'A', partitionMetadata });
  assert.deepEqual([...topic.leaders.keys()], [0]);
  assert.deepEqual([topic.idWith(0), topic.idWith(7)], ['A', null]);
});
