import type { ExecutorExit, ExecutorStart, Handle, KillReason } from '../../src/backends/backend.ts';
import { BulkheadError } from '../../src/errors.ts';
import type { Evidence } from '../../src/sandbox/sandbox.ts';

/** What a command does when it is started. */
export interface Program {
  readonly stdout?: string;
  readonly stderr?: string;
  /** Absent: it runs until it is killed, or `finish` is called. */
  readonly exitCode?: number;
}

export interface Place {
  readonly key: string;
  killedFor?: KillReason;
  isReleased: boolean;
  readonly executors: Map<number, ScriptedExecutor>;
}

interface ScriptedExecutor {
  readonly startedAt: number;
  stdout: string;
  stderr: string;
  hasEnded: boolean;
  readonly exit: PromiseWithResolvers<ExecutorExit>;
}

const EVIDENCE: Evidence = {
  grade: 'observed',
  configSha256: 'c0'.repeat(32),
  imageDigest: `sha256:${'1a'.repeat(32)}`,
  runtime: 'scripted 1.0',
  observed: { NoNewPrivs: '1' },
  unenforced: ['log bytes'],
};

/** The machine below a scripted backend: what runs on it outlives the backend, as it does in life. */
export class ScriptedMachine {
  /** What an engine did that no engine may do. */
  readonly violations: string[] = [];
  readonly #programs: ReadonlyMap<string, Program>;
  readonly #places = new Map<string, Place>();

  /** Programs by their argv; a command that isn't among them is not found. */
  constructor(programs: readonly (readonly [readonly string[], Program])[] = []) {
    this.#programs = new Map(programs.map(([command, program]) => [JSON.stringify(command), program]));
  }

  /** Attempts that hold something. */
  get held(): readonly string[] {
    return [...this.#places.values()].filter(({ isReleased }) => !isReleased).map(({ key }) => key);
  }

  open(taskId: string, number: number): void {
    const key = `${taskId}/${number}`;
    if (this.#places.has(key)) this.violations.push(`${key} was prepared twice`);
    this.#places.set(key, { key, isReleased: false, executors: new Map() });
  }

  find(handle: Handle): Place | undefined {
    return this.#places.get(`${String(handle['taskId'])}/${String(handle['number'])}`);
  }

  start(place: Place, index: number, command: readonly string[]): Evidence {
    if (place.killedFor !== undefined) throw new BulkheadError('canceled', `killed: ${place.killedFor}`);
    if (place.executors.has(index)) return EVIDENCE;
    if (index > 0 && !place.executors.has(index - 1))
      this.violations.push(`${place.key}: ${index} started before ${index - 1}`);
    this.mustBeIdle(place, `start of ${index}`);
    const program = this.#programs.get(JSON.stringify(command)) ?? { exitCode: 127 };
    place.executors.set(index, {
      startedAt: Date.now(),
      stdout: program.stdout ?? '',
      stderr: program.stderr ?? '',
      hasEnded: false,
      exit: Promise.withResolvers(),
    });
    if (program.exitCode !== undefined) this.finish(place, index, program.exitCode);
    return EVIDENCE;
  }

  started(place: Place, index: number): ExecutorStart | undefined {
    const executor = place.executors.get(index);
    return executor && { at: executor.startedAt, evidence: EVIDENCE };
  }

  async exit(place: Place, index: number): Promise<ExecutorExit> {
    const executor = place.executors.get(index);
    if (executor === undefined) throw new BulkheadError('not-found', `executor ${index} was never started`);
    return await executor.exit.promise;
  }

  /** Ends an executor that runs. */
  finish(place: Place, index: number, exitCode: number, causes: readonly string[] = []): void {
    const executor = place.executors.get(index);
    if (executor === undefined || executor.hasEnded) return;
    executor.hasEnded = true;
    const { startedAt, stderr, stdout } = executor;
    executor.exit.resolve({ exitCode, startedAt, endedAt: Date.now(), causes, stdout, stderr });
  }

  write(place: Place, index: number, stream: 'stdout' | 'stderr', text: string): void {
    const executor = place.executors.get(index);
    if (executor !== undefined) executor[stream] += text;
  }

  kill(place: Place, reason: KillReason): void {
    place.killedFor ??= reason;
    for (const index of place.executors.keys()) this.finish(place, index, 137, [`killed: ${reason}`]);
  }

  release(place: Place): void {
    this.mustBeIdle(place, 'release');
    place.isReleased = true;
  }

  sweep(known: readonly Handle[]): void {
    const kept = new Set(known.map((handle) => this.find(handle)));
    for (const place of this.#places.values()) {
      if (kept.has(place)) continue;
      this.kill(place, 'system-error');
      place.isReleased = true;
    }
  }

  mustBeIdle(place: Place, what: string): void {
    const running = [...place.executors].filter(([, { hasEnded }]) => !hasEnded).map(([index]) => index);
    if (running.length > 0) this.violations.push(`${place.key}: ${what} while ${running.join()} runs`);
  }
}
