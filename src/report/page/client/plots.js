/** The four plots of the last fifteen minutes (`GET /history`), drawn by uPlot where that could be loaded. */

const SPAN = 15 * 60;
const HEIGHT = 150;

function size(bytes) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) {
    bytes /= 1024;
    unit++;
  }
  return `${unit === 0 || bytes >= 100 ? Math.round(bytes) : bytes.toFixed(1)} ${units[unit]}`;
}

function short(n) {
  if (n >= 1e6) return `${trimmed(n / 1e6)} M`;
  return n >= 1e4 ? `${trimmed(n / 1e3)} k` : trimmed(n);
}

function trimmed(n) {
  return String(Number(n.toFixed(n < 10 ? 2 : 1)));
}

function seconds(s) {
  if (s < 1 && s > 0) return `${Math.round(s * 1000)} ms`;
  if (s < 120) return `${trimmed(s)} s`;
  return s < 7200 ? `${trimmed(s / 60)} min` : `${trimmed(s / 3600)} h`;
}

const perSecond = (n) => `${short(n)}/s`;
const percent = (n) => `${trimmed(n)} %`;

/** `least`: what the axis reaches at least. A second `unit` has an axis of its own, to the right. */
const PLOTS = [
  {
    title: 'Lines and samples',
    series: [
      { of: 'received', name: 'in', unit: perSecond },
      { of: 'forwarded', name: 'acknowledged', unit: perSecond },
    ],
    least: 1,
  },
  {
    title: 'Lag',
    series: [
      { of: 'lag', name: 'files', unit: seconds },
      { of: 'log_age', name: 'local log', unit: seconds },
    ],
    least: 1,
  },
  { title: 'Local log', series: [{ of: 'log', name: 'waiting', unit: size }], least: 1024, room: 'log_room' },
  {
    title: 'CPU and memory',
    series: [
      { of: 'cpu', name: 'CPU', unit: percent },
      { of: 'memory', name: 'memory', unit: size },
    ],
    least: 1,
  },
];

/** Bytes and times have ticks where they are round. */
const POWERS = Array.from({ length: 40 }, (_, i) => 2 ** (i + 4));
const TIMES = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30].concat(
  [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1440, 2880, 7200, 14_400].map((minutes) => minutes * 60),
);

const ROUND = new Map([
  [size, POWERS],
  [seconds, TIMES],
]);

function axisOf(unit) {
  return { space: 34, values: (_, splits) => splits.map(unit), ...(ROUND.has(unit) && { incrs: ROUND.get(unit) }) };
}

const COLORS = ['--one', '--other'];
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** `14:02:10`, or to the minute. */
function clock(time, to) {
  const second = to === 'minute' ? {} : { second: '2-digit' };
  return new Date(time * 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', ...second, hour12: false });
}

export class Plots {
  #root;
  #all = [];
  #last = null;

  constructor(root) {
    this.#root = root;
    // The colours are in what is drawn.
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#anew());
  }

  show(history) {
    this.#last = history;
    if (typeof uPlot === 'undefined') return;
    if (this.#all.length === 0) this.#all = PLOTS.map((plot) => new Plot(this.#root, plot));
    for (const plot of this.#all) plot.show(history);
  }

  #anew() {
    for (const plot of this.#all) plot.remove();
    this.#all = [];
    if (this.#last) this.show(this.#last);
  }
}

class Plot {
  #plot;
  #figure = document.createElement('figure');
  #caption = document.createElement('figcaption');
  #chart;
  #width = new ResizeObserver(() => this.#fit());
  #room = 0;

  constructor(root, plot) {
    this.#plot = plot;
    const canvas = document.createElement('div');
    this.#figure.tabIndex = 0;
    this.#figure.append(this.#caption, canvas);
    this.#figure.addEventListener('keydown', (event) => this.#key(event));
    root.append(this.#figure);
    this.#chart = new uPlot(this.#options(), [[], ...plot.series.map(() => [])], canvas);
    this.#width.observe(this.#figure);
  }

  show(history) {
    const now = Date.now() / 1000;
    const times = history.ages.map((age) => now - age);
    this.#room = history[this.#plot.room] ?? 0;
    this.#chart.setData([times, ...this.#plot.series.map(({ of }) => history[of])], false);
    this.#chart.batch(() => {
      this.#chart.setScale('x', { min: now - SPAN, max: now });
      this.#plot.series.forEach(({ of }, i) => {
        const most = Math.max(this.#leastOf(i), ...history[of]);
        if (i === 0 || this.#ownScale(i)) this.#chart.setScale(this.#scaleOf(i), { min: 0, max: this.#top(most, i) });
      });
    });
    this.#say();
  }

  remove() {
    this.#width.disconnect();
    this.#chart.destroy();
    this.#figure.remove();
  }

  /** With room above the highest; of series that share a scale, the highest of all. */
  #top(most, i) {
    if (this.#ownScale(i)) return most * 1.15;
    return Math.max(most, ...this.#chart.data.slice(1).flat()) * 1.15;
  }

  #leastOf(i) {
    return this.#plot.series[i].unit === size ? 1024 : this.#plot.least;
  }

  #ownScale(i) {
    return this.#plot.series.some(({ unit }) => unit !== this.#plot.series[i].unit);
  }

  #scaleOf(i) {
    return i > 0 && this.#ownScale(i) ? 'other' : 'y';
  }

  #options() {
    const { series } = this.#plot;
    const axis = { stroke: color('--soft'), grid: { stroke: color('--line'), width: 1 }, ticks: { show: false } };
    const own = series.length > 1 && this.#ownScale(1);
    return {
      width: 300,
      height: HEIGHT,
      legend: { show: false },
      cursor: { sync: { key: 'runnel' }, y: false, drag: { x: false, y: false }, points: { size: 6 } },
      scales: { x: { time: true, auto: false }, y: { auto: false }, other: { auto: false } },
      axes: [
        { ...axis, size: 26, space: 70, values: (_, splits) => splits.map((time) => clock(time, 'minute')) },
        { ...axis, ...axisOf(series[0].unit), scale: 'y', size: 62 },
        ...(own
          ? [{ ...axis, ...axisOf(series[1].unit), scale: 'other', side: 1, size: 66, grid: { show: false } }]
          : []),
      ],
      series: [
        {},
        ...series.map((_, i) => ({
          scale: this.#scaleOf(i),
          stroke: color(COLORS[i]),
          width: 1.5,
          fill: i === 0 ? `${color(COLORS[0])}1f` : undefined,
          points: { show: false },
        })),
      ],
      hooks: { setCursor: [() => this.#say()] },
    };
  }

  #fit() {
    const style = getComputedStyle(this.#figure);
    const width =
      this.#figure.clientWidth - Number.parseFloat(style.paddingLeft) - Number.parseFloat(style.paddingRight);
    if (width > 0 && Math.abs(width - this.#chart.width) >= 1)
      this.#chart.setSize({ width: Math.floor(width), height: HEIGHT });
  }

  /** What it shows at the cursor, or now. */
  #say() {
    if (!this.#chart) return;
    const { data, cursor } = this.#chart;
    const pointed = cursor.left >= 0 && cursor.idx !== null && cursor.idx !== undefined;
    const at = pointed ? cursor.idx : data[0].length - 1;
    const title = document.createElement('b');
    title.textContent = this.#plot.title;
    const said = this.#plot.series.map(({ name, unit }, i) => {
      const key = document.createElement('span');
      key.className = i === 0 ? 'key' : 'key other';
      const value = data[i + 1][at];
      const of = this.#room > 0 ? ` of ${size(this.#room)}` : '';
      key.textContent = `${name} ${value === undefined ? '-' : unit(value)}${of}`;
      return key;
    });
    const time = document.createElement('span');
    time.className = 'time soft';
    time.textContent = pointed ? clock(data[0][at]) : '';
    this.#caption.replaceChildren(title, ...said, time);
  }

  /** The cursor by keys, as by a mouse. */
  #key(event) {
    const times = this.#chart.data[0];
    const last = times.length - 1;
    if (last < 0) return;
    const { idx, left } = this.#chart.cursor;
    const from = left >= 0 && idx !== null && idx !== undefined ? idx : last + 1;
    const to = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: last }[event.key];
    if (event.key === 'Escape') this.#chart.setCursor({ left: -10, top: -10 });
    else if (to === undefined) return;
    else {
      const x = this.#chart.valToPos(times[Math.min(last, Math.max(0, to))], 'x');
      this.#chart.setCursor({ left: x, top: HEIGHT / 3 });
    }
    event.preventDefault();
  }
}
