/** The types of checks that the configuration may have. A new one is a file beside this and a line here; it is loaded when there is one. */
import type { CustomCheck } from './custom.ts';
import type { CustomCheckConfig } from './options.ts';

const OPEN: Record<CustomCheckConfig['type'], (config: CustomCheckConfig) => Promise<CustomCheck>> = {
  exec: async (config) => (await import('./exec.ts')).execCheck(config),
  module: async (config) => (await import('./modules.ts')).moduleCheck(config),
  openmetrics: async (config) => (await import('./openmetrics.ts')).openmetricsCheck(config),
  http: async (config) => (await import('./http.ts')).httpCheck(config),
  tcp: async (config) => (await import('./tcp.ts')).tcpCheck(config),
  dns: async (config) => (await import('./dns.ts')).dnsCheck(config),
  textfile: async (config) => (await import('./textfile.ts')).textfileCheck(config),
};

export function openCustom(config: CustomCheckConfig): Promise<CustomCheck> {
  return OPEN[config.type](config);
}
