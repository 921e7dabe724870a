/**
 * What sensors say, where there are any: /sys/class/hwmon, else the thermal zones. A driver may ask its chip over a slow
 * bus, so they are read by libuv, one after the other: never more than one thread waits.
 */
import { type Check, type Meter, upToMost } from './check.ts';
import type { HostFiles } from './files.ts';

const MOST_SENSORS = 256;
/** Sensors come and go with modules and devices. */
const LOOK_AGAIN_MS = 60_000;

export interface Sensor {
  path: string;
  id: string;
  name: string;
  location: string;
}

/** In thousandths of a degree; what is below the absolute zero is no temperature, but a sensor that is not there. */
export function parseMillidegrees(text: string): number {
  const value = Number.parseInt(text, 10) / 1000;
  return value > -273.15 && value < 1000 ? value : Number.NaN;
}

function findSensors(host: HostFiles): Sensor[] {
  const HWMON = '/sys/class/hwmon';
  const line = (path: string) => host.once(path)?.trim() ?? '';
  const found: Sensor[] = [];
  for (const chip of host.list(HWMON).sort()) {
    for (const file of host.list(`${HWMON}/${chip}`).sort()) {
      const sensor = /^(temp\d+)_input$/.exec(file)?.[1];
      if (sensor === undefined) continue;
      const base = `${HWMON}/${chip}/${sensor}`;
      found.push({
        path: `${base}_input`,
        id: `${chip}/${sensor}`,
        name: line(`${HWMON}/${chip}/name`) || chip,
        location: line(`${base}_label`),
      });
    }
  }
  if (found.length > 0) return found;
  const ZONES = '/sys/class/thermal';
  for (const zone of host.list(ZONES).sort()) {
    if (!zone.startsWith('thermal_zone')) continue;
    found.push({ path: `${ZONES}/${zone}/temp`, id: zone, name: line(`${ZONES}/${zone}/type`) || zone, location: '' });
  }
  return found;
}

export function temperature(host: HostFiles): Check {
  let sensors: Sensor[] = [];
  let looked = Number.NEGATIVE_INFINITY;
  return (meter, signal) => {
    if (performance.now() - looked > LOOK_AGAIN_MS) {
      looked = performance.now();
      sensors = findSensors(host);
    }
    if (sensors.length > 0) return askEach(host, sensors, meter, signal);
  };
}

async function askEach(host: HostFiles, sensors: readonly Sensor[], meter: Meter, signal: AbortSignal): Promise<void> {
  for (const { path, id, name, location } of upToMost(sensors, MOST_SENSORS, 'sensors', meter)) {
    if (signal.aborted) return;
    // One that sleeps, or is gone, says so in many ways (EIO, ENXIO, ENODATA, EAGAIN): it has no temperature now.
    const text = await host.slow(path).catch(() => '');
    meter.gauge('hw.temperature', parseMillidegrees(text), 'Cel', {
      'hw.id': id,
      'hw.name': name,
      ...(location !== '' && { 'hw.sensor_location': location }),
    });
  }
}
