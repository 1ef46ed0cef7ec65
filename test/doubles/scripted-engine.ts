import type { Engine, LogEvent } from '../../src/engine/engine.ts';

/** An engine that runs nothing: it records what it is asked, and tells of a task what the test scripted. */
export interface ScriptedEngine extends Engine {
  readonly wakes: number;
  readonly canceled: readonly string[];
  /** Events that readers took. */
  readonly told: number;
  /** Readers that are being told now. */
  readonly readers: number;
}

export type LogScript = (options: { follow: boolean; signal: AbortSignal }) => AsyncIterable<LogEvent>;

export function createScriptedEngine(script: LogScript = () => nothing()): ScriptedEngine {
  const canceled: string[] = [];
  let wakes = 0;
  let told = 0;
  let readers = 0;
  return {
    get wakes() {
      return wakes;
    },
    get told() {
      return told;
    },
    get readers() {
      return readers;
    },
    canceled,
    start: () => Promise.resolve(),
    wake: () => {
      wakes += 1;
    },
    cancel: (taskId) => {
      canceled.push(taskId);
    },
    capacity: () => ({ cpuCores: 2, memoryBytes: 2 ** 33, diskBytes: 2 ** 36, slots: 2 }),
    async *logs(_taskId, options) {
      readers += 1;
      try {
        for await (const event of script(options)) {
          told += 1;
          yield event;
        }
      } finally {
        readers -= 1;
      }
    },
    stop: () => Promise.resolve(),
  };
}

async function* nothing(): AsyncGenerator<LogEvent> {}
