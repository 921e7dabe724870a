/** An agent that tells a hook of alerts, of metrics that are sent to it by StatsD. */
import type { AgentConfig } from './agent.ts';

/** What fires above 50. */
export const HOT = { name: 'hot', metric: 'temp', fire: '> 50' };

/** Windows of a second; `port`: of StatsD, over UDP. `url`: of the hook. */
export function alertingAgent(port: number, url: string, rules: readonly object[] = [HOT]): AgentConfig {
  return {
    metrics: { interval: '1s' },
    statsd: { listen: [`udp://127.0.0.1:${port}`], flush_interval: '1s' },
    alerts: { rules, builtin: false, receivers: [{ name: 'hook', webhook: { url } }] },
  } as unknown as AgentConfig;
}
