/** A consumer group of processes (group-member.ts) that are started, killed and frozen, and what they have written down. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KafkaClient } from '../../src/kafka/connect/client.ts';
import type { MemberProcess } from './group-member.ts';
import { endOffsets, freshTopic } from './kafka.ts';
import { sendValues } from './produce.ts';

const MEMBER = join(import.meta.dirname, 'group-member.ts');
const children = new Set<ChildProcess>();

export class Group {
  readonly topic: string;
  readonly #brokers: string;
  readonly #dir: string;
  readonly #members: { child: ChildProcess; file: string }[] = [];

  private constructor(brokers: string, topic: string, dir: string) {
    this.#brokers = brokers;
    this.topic = topic;
    this.#dir = mkdtempSync(join(dir, 'g-'));
  }

  /** Of a topic of its own; its members write into a folder in `dir`. */
  static async make(brokers: string, dir: string, partitions: number): Promise<Group> {
    return new Group(brokers, await freshTopic(brokers, 'group', { partitions }), dir);
  }

  static killAll(): void {
    for (const child of children) child.kill('SIGKILL');
  }

  start(options: Partial<MemberProcess> = {}): number {
    const n = this.#members.length;
    const file = join(this.#dir, `${n}`);
    const own = { brokers: this.#brokers, group: this.topic, topics: [this.topic], instance: null, file };
    const config: MemberProcess = { ...own, session_ms: 6000, delay_ms: 5, ...options };
    const child = spawn(process.execPath, [MEMBER, JSON.stringify(config)], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    children.add(child);
    this.#members.push({ child, file });
    return n;
  }

  lines(n: number): string[] {
    const { file } = this.#members[n]!;
    return existsSync(file) ? readFileSync(file, 'latin1').split('\n').slice(0, -1) : [];
  }

  joins(n: number): string[] {
    return this.lines(n).filter((line) => line.startsWith('join'));
  }

  /** How many partitions the member has now. */
  has(n: number): number {
    return (this.joins(n).at(-1)?.split(' ').filter(Boolean).length ?? 2) - 2;
  }

  async end(n: number, signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const { child } = this.#members[n]!;
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      await once(child, 'exit');
    }
    return child.exitCode;
  }

  freeze(n: number): void {
    this.#members[n]!.child.kill('SIGSTOP');
  }

  thaw(n: number): void {
    this.#members[n]!.child.kill('SIGCONT');
  }

  async exited(n: number): Promise<number | null> {
    const { child } = this.#members[n]!;
    if (child.exitCode === null) await once(child, 'exit');
    return child.exitCode;
  }

  /** How often each offset was processed, and which of them a killed member had processed and not committed. */
  tally(killed: readonly number[] = []) {
    const seen = new Map<string, number>();
    const open = new Set<string>();
    for (const name of readdirSync(this.#dir)) {
      const mine: string[] = [];
      const committed = new Map<string, number>();
      for (const line of readFileSync(join(this.#dir, name), 'latin1').split('\n')) {
        const [what, where, from, to] = line.split(' ');
        if (what === 'c') committed.set(where!, Number(from));
        if (what !== 'p') continue;
        for (let offset = Number(from); offset < Number(to); offset++) mine.push(`${where} ${offset}`);
      }
      for (const key of mine) {
        seen.set(key, (seen.get(key) ?? 0) + 1);
        const [where, offset] = key.split(' ');
        if (killed.includes(Number(name)) && Number(offset) >= (committed.get(where!) ?? 0)) open.add(key);
      }
    }
    const twice = [...seen].filter(([, times]) => times > 1).map(([key]) => key);
    return { processed: seen.size, twice, unexplained: twice.filter((key) => !open.has(key)) };
  }
}

/** Sends records all the while; gives how many, once it is stopped. */
export function feed(client: KafkaClient, brokers: string, topic: string, partitions: number): () => Promise<number> {
  const stop = new AbortController();
  const sending = (async () => {
    let sent = 0;
    while (!stop.signal.aborted) {
      const partition = sent % partitions;
      await sendValues(client, topic, partition, ['a', 'b', 'c'], { codec: sent % 2 === 0 ? 'zstd' : 'none' });
      sent += 3 + partitions; // another partition each time
      await sleep(5, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  })();
  return async () => {
    stop.abort();
    await sending;
    return (await endOffsets(brokers, topic)).reduce((sum, end) => sum + end, 0);
  };
}
