import { readdir, readFile } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Store } from '../store/store.ts';
import { TES_STATES } from '../tes/states.ts';
import { BOUNDS } from './recorder.ts';
import type { Durations, Recorder } from './recorder.ts';

export interface MetricsOptions {
  readonly recorder: Recorder;
  readonly store: Store;
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly running: () => number;
  readonly isHeld: () => boolean;
  readonly disk: () => Promise<{ readonly freeBytes: number; readonly totalBytes: number }>;
  readonly imageBytes: () => Promise<number>;
}

/** Phases of an attempt; every other series is an operation of the store. */
const PHASES: ReadonlySet<string> = new Set(['prepare', 'stage_in', 'start', 'run', 'stage_out', 'release']);

/**
 * Metrics in Prometheus's text format, taken when they are asked for. Loaded at the first such question: what is counted
 * before is in the recorder. Labels are states, phases and operations, all of closed sets: nothing of a task, a tenant or
 * an image.
 */
export function createMetrics(options: MetricsOptions): () => Promise<{ type: string; body: string }> {
  const registry = new Registry();
  const registers = [registry];
  const { recorder, store } = options;
  const loop = monitorEventLoopDelay({ resolution: 20 });
  loop.enable();

  const gauge = (name: string, help: string): Gauge =>
    new Gauge({ name: `bulkhead_${name}`, help, registers });
  const tasks = new Gauge({
    name: 'bulkhead_tasks',
    help: 'Tasks on record, by state.',
    labelNames: ['state'],
    registers,
  });
  const transitions = new Counter({
    name: 'bulkhead_task_transitions_total',
    help: 'Times that a task came to a state, since the server started; QUEUED includes creation.',
    labelNames: ['state'],
    registers,
  });
  const queueAge = gauge(
    'queue_oldest_seconds',
    'How long the task at the head of the queue has waited; 0 where none waits.',
  );
  const running = gauge('attempts_running', 'Attempts under way.');
  const held = gauge(
    'starts_held',
    '1 while nothing new is started: a drain, or a disk that is nearly full.',
  );
  const delay = gauge(
    'event_loop_delay_p99_seconds',
    'Delay of the event loop since the last scrape, 99th percentile.',
  );
  const files = gauge('open_files', 'Open file descriptors of the server.');
  const resident = gauge('resident_memory_bytes', 'Resident memory of the server.');
  const diskFree = gauge('data_disk_free_bytes', 'Free bytes of the file system of the data folder.');
  const diskSize = gauge('data_disk_size_bytes', 'Size of the file system of the data folder.');
  const memoryFree = gauge('memory_available_bytes', 'Memory of this machine that can be given to programs.');
  const images = gauge('image_store_bytes', 'Bytes of unpacked images.');
  new Gauge({
    name: 'bulkhead_info',
    help: 'Which program this is.',
    labelNames: ['version'],
    registers,
  }).set({ version: options.version }, 1);
  registry.registerMetric(
    new RecordedHistogram(
      'bulkhead_attempt_phase_seconds',
      'Durations of the phases of attempts.',
      'phase',
      () => [...recorder.durations()].filter(([series]) => PHASES.has(series)),
    ),
  );
  registry.registerMetric(
    new RecordedHistogram(
      'bulkhead_store_seconds',
      'Durations of operations of the store, until durable.',
      'operation',
      () => [...recorder.durations()].filter(([series]) => !PHASES.has(series)),
    ),
  );

  async function take(): Promise<void> {
    const [counts, [oldest], disk, imageBytes, memory, descriptors] = await Promise.all([
      store.counts(),
      store.queued({ limit: 1 }),
      options.disk(),
      options.imageBytes(),
      availableMemory(),
      readdir('/proc/self/fd'),
    ]);
    for (const state of TES_STATES) tasks.set({ state }, counts[state] ?? 0);
    transitions.reset();
    for (const [state, count] of recorder.counts()) transitions.inc({ state }, count);
    queueAge.set(oldest === undefined ? 0 : Math.max(0, options.now() - oldest.createdAt) / 1000);
    running.set(options.running());
    held.set(options.isHeld() ? 1 : 0);
    delay.set(loop.percentile(99) / 1e9);
    loop.reset();
    files.set(descriptors.length);
    resident.set(process.memoryUsage.rss());
    diskFree.set(disk.freeBytes);
    diskSize.set(disk.totalBytes);
    memoryFree.set(memory);
    images.set(imageBytes);
  }

  return async () => {
    await take();
    return { type: registry.contentType, body: await registry.metrics() };
  };
}

/** A histogram whose counts are kept elsewhere. */
class RecordedHistogram extends Histogram {
  readonly #of: { readonly name: string; readonly label: string; readonly help: string };
  readonly #durations: () => readonly (readonly [string, Durations])[];

  constructor(
    name: string,
    help: string,
    label: string,
    durations: () => readonly (readonly [string, Durations])[],
  ) {
    super({ name, help, labelNames: [label], buckets: [...BOUNDS], registers: [] });
    this.#of = { name, help, label };
    this.#durations = durations;
  }

  /** What the registry asks a histogram for (prom-client 15, lib/registry.js); the types don't name it. */
  async getForPromString(): Promise<object> {
    const { help, label, name } = this.#of;
    const values = this.#durations().flatMap(([series, { count, cumulative, sumSeconds }]) => {
      const labels = { [label]: series };
      return [
        ...BOUNDS.map((le, at) => ({
          labels: { ...labels, le },
          value: cumulative[at] ?? 0,
          metricName: `${name}_bucket`,
        })),
        { labels: { ...labels, le: '+Inf' }, value: count, metricName: `${name}_bucket` },
        { labels, value: sumSeconds, metricName: `${name}_sum` },
        { labels, value: count, metricName: `${name}_count` },
      ];
    });
    return { name, help, type: 'histogram', values };
  }
}

/** Source: proc_meminfo(5). */
async function availableMemory(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'utf8');
  return Number(/^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024;
}
