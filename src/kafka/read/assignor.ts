/**
 * Which member of a group reads which partition: `runnel-sticky`. Each topic's partitions are shared evenly among the
 * members that want it, all partitions of a member counted; a member keeps what it has, and as few as possible are moved.
 *
 * Members tell what they have, and since which generation of the group: where two claim the same partition, the newer claim
 * holds. They tell, too, how many partitions they see: the most that anybody sees are given out, and a member that sees
 * another number than it told joins anew, with other words, whereupon the coordinator asks for a new assignment.
 */

/** In JSON, as a member's user data. */
export interface MemberSays {
  /** The generation in which `owned` were given; -1: none. */
  generation: number;
  owned: Record<string, readonly number[]>;
  /** How many partitions each topic has. */
  partitions: Record<string, number>;
}

export interface GroupMemberInfo {
  id: string;
  topics: readonly string[];
  says: MemberSays;
}

export type Assignment = Map<string, readonly number[]>;

export const ASSIGNOR = 'runnel-sticky';
const NOTHING: MemberSays = { generation: -1, owned: {}, partitions: {} };
/** More are not believed. */
const MOST_PARTITIONS = 100_000;

export function encodeSays(says: MemberSays): Buffer {
  return Buffer.from(JSON.stringify(says));
}

/** What is not understood is taken for a member that has nothing. */
export function decodeSays(bytes: Buffer | null): MemberSays {
  try {
    const { generation, owned, partitions } = JSON.parse(bytes?.toString() ?? '') as MemberSays;
    const lists = Object.entries(owned).every(([, list]) => Array.isArray(list) && list.every(isPartition));
    const counts = Object.values(partitions).every((n) => isPartition(n));
    return Number.isSafeInteger(generation) && lists && counts ? { generation, owned, partitions } : NOTHING;
  } catch {
    return NOTHING;
  }
}

function isPartition(n: unknown): boolean {
  return Number.isSafeInteger(n) && (n as number) >= 0 && (n as number) <= MOST_PARTITIONS;
}

interface Load {
  readonly member: GroupMemberInfo;
  readonly topics: Set<string>;
  /** `topic/partition`, by topic. */
  readonly has: Map<string, Set<number>>;
  count: number;
}

/** By member id. */
export function assign(members: readonly GroupMemberInfo[]): Map<string, Assignment> {
  // In the order of their ids, so that the same members always give the same.
  const loads = [...members]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map((member): Load => ({ member, topics: new Set(member.topics), has: new Map(), count: 0 }));
  const counts = partitionCounts(members);
  keepOwned(loads, counts);
  for (const [topic, count] of counts) {
    const wanting = loads.filter(({ topics }) => topics.has(topic));
    for (let p = 0; p < count; p++) {
      if (!wanting.some(({ has }) => has.get(topic)?.has(p))) give(least(wanting), topic, p);
    }
  }
  even(loads);
  return new Map(
    loads.map(({ member, has }) => [
      member.id,
      new Map([...has].map(([topic, set]) => [topic, [...set].sort((a, b) => a - b)])),
    ]),
  );
}

/** Of the topics that somebody wants, in the order of their names. */
function partitionCounts(members: readonly GroupMemberInfo[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const topic of [...new Set(members.flatMap(({ topics }) => topics))].sort()) {
    counts.set(topic, Math.max(0, ...members.map(({ says }) => says.partitions[topic] ?? 0)));
  }
  return counts;
}

function keepOwned(loads: readonly Load[], counts: ReadonlyMap<string, number>): void {
  const taken = new Set<string>();
  for (const load of [...loads].sort((a, b) => b.member.says.generation - a.member.says.generation)) {
    for (const [topic, partitions] of Object.entries(load.member.says.owned)) {
      if (!load.topics.has(topic)) continue;
      for (const p of partitions) {
        const key = `${topic}/${p}`;
        if (p >= (counts.get(topic) ?? 0) || taken.has(key)) continue;
        taken.add(key);
        give(load, topic, p);
      }
    }
  }
}

/** Moves partitions from who has most to who has least, until that changes nothing. */
function even(loads: readonly Load[]): void {
  for (;;) {
    const from = [...loads].sort((a, b) => b.count - a.count);
    const move = from.flatMap((most) => {
      const topics = [...most.has.keys()].reverse();
      const to = topics.map((topic) => ({ topic, to: least(loads.filter((l) => l !== most && l.topics.has(topic))) }));
      return to.filter(({ to }) => to && most.count - to.count > 1).map((m) => ({ ...m, most }));
    })[0];
    if (!move) return;
    const { most, topic, to } = move;
    const moved = Math.max(...most.has.get(topic)!);
    most.has.get(topic)!.delete(moved);
    if (most.has.get(topic)!.size === 0) most.has.delete(topic);
    most.count--;
    give(to, topic, moved);
  }
}

function give(load: Load | undefined, topic: string, partition: number): void {
  if (!load) return;
  const set = load.has.get(topic) ?? new Set();
  load.has.set(topic, set.add(partition));
  load.count++;
}

function least(loads: readonly Load[]): Load | undefined {
  let found: Load | undefined;
  for (const load of loads) if (!found || load.count < found.count) found = load;
  return found;
}
