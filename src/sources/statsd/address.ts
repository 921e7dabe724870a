/** Addresses to listen on: `udp://127.0.0.1:8125`, `udp://[::1]:8125`; port 0 is any free one. */
export interface UdpAddress {
  host: string;
  port: number;
}

export function parseUdpAddress(address: string): UdpAddress {
  const found = /^udp:\/\/(?:\[([^\]]+)\]|([^:/]+)):(\d{1,5})$/.exec(address);
  if (!found || Number(found[3]) > 65_535) throw new Error('only udp://HOST:PORT is served');
  return { host: found[1] ?? found[2]!, port: Number(found[3]) };
}
