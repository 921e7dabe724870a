/** Agents that are killed at random moments under load, again and again. */
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentConfig, Home, RunningAgent } from './agent.ts';

export interface KillOptions {
  rounds: number;
  /** The longest an agent lives after it is healthy, milliseconds; the moment is drawn from the whole time. */
  longest: number;
  /** Called when an agent is healthy, before the time until its death begins. */
  alive?: (agent: RunningAgent, round: number) => Promise<void> | void;
  /** Called after each death. */
  dead?: (round: number) => Promise<void> | void;
}

/** Starts an agent and kills it with SIGKILL, `rounds` times. Its books must have been balanced all the time. */
export async function killAgain(home: Home, config: AgentConfig, options: KillOptions): Promise<void> {
  for (let round = 0; round < options.rounds; round++) {
    const agent = await home.start(config);
    await options.alive?.(agent, round);
    await sleep(randomInt(options.longest));
    await agent.kill9();
    await options.dead?.(round);
  }
}

/** The same values in the same order; what is said names the first that differs. */
export function sameInOrder(values: readonly string[], expected: readonly string[]): string | null {
  for (let i = 0; i < Math.max(values.length, expected.length); i++) {
    if (values[i] === expected[i]) continue;
    const near = (of: readonly string[]) =>
      JSON.stringify(of.slice(Math.max(0, i - 1), i + 2).map((v) => v.slice(0, 40)));
    const counts = `${values.length} records of ${expected.length}, ${new Set(values).size} different`;
    return `record ${i}: ${near(values)} instead of ${near(expected)} (${counts})`;
  }
  return null;
}
