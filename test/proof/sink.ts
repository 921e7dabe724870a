/** The sink to data streams, each document once: many kills, processes that are frozen, a server that lies. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startKafka } from '../support/kafka.ts';
import { startOpenSearch } from '../support/opensearch.ts';
import { chaosRound, groupRounds, killRounds, type RoundsResult, type Servers } from '../support/sink-rounds.ts';

/** 24 kills, half of them between answer and commit, each with a rollover; streams and turn changed in the midst. */
export function proveSinkKills(): Promise<string> {
  return prove('sink, kills', (servers) => killRounds(servers, 24, 5000));
}

/** Three processes of a group, killed and frozen for longer than their session, while streams roll over. */
export function proveSinkGroup(): Promise<string> {
  return prove('sink, three processes', (servers) => groupRounds(servers, 15, 8000));
}

export function proveSinkChaos(): Promise<string> {
  return prove('sink, a server that lies', (servers) => chaosRound(servers, 100_000, 400));
}

async function prove(name: string, rounds: (servers: Servers) => Promise<RoundsResult>): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-proof-'));
  try {
    await using kafka = await startKafka();
    await using opensearch = await startOpenSearch();
    const say = (line: string) => console.error(`${name}: ${line}`);
    const { missing, ...said } = await rounds({ brokers: kafka.brokers, url: opensearch.url, dir, say });
    const text = `${name}: ${JSON.stringify({ ...said, missing: missing.length })}`;
    assert.deepEqual([missing.length, said.twice], [0, 0], text);
    return text;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
