import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Backend, Handle } from '../backends/backend.ts';
import type { Starts } from '../engine/operation.ts';
import type { Leftover, Leftovers } from '../http/operation-options.ts';
import type { ImageProvider, ImageUsage } from '../images/images.ts';
import type { Store, TaskRecord } from '../store/store.ts';
import type { Trace } from '../warden/survey.ts';

export interface LeftoverSources {
  readonly store: Store;
  readonly backend: Backend;
  readonly starts: Starts;
  readonly images: ImageProvider & ImageUsage;
  /** Holds a folder for each attempt, named TASK-NUMBER. */
  readonly attempts: string;
  readonly survey: () => Promise<readonly Trace[]>;
  /** Removes what the warden has kept of attempts, by the names of their folders. */
  readonly forget: (names: readonly string[]) => Promise<void>;
  /** Milliseconds that removing waits for attempts that are just beginning or ending. */
  readonly patienceMs?: number;
}

const PATIENCE_MS = 60_000;
const POLL_MS = 50;

/**
 * What no task owns, found by looking at the disk and the kernel rather than at what the server remembers. What belongs
 * to an attempt under way is never among it: a name is compared with the store after it was seen, and the kernel's things
 * are removed while nothing new is started and the store knows the handle of each attempt that runs.
 */
export function createLeftovers(sources: LeftoverSources): Leftovers {
  const { attempts, backend, images, starts, store, survey } = sources;

  async function find(): Promise<readonly Leftover[]> {
    return [...(await folders()), ...(await traces()), ...(await dueImages())];
  }

  /** Folders of tasks that were purged, or that the store never knew, as after a restore. */
  async function folders(): Promise<Leftover[]> {
    const found: Leftover[] = [];
    for (const name of await readdir(attempts)) {
      const taskId = name.replace(/-\d+$/, '');
      if ((await store.get(taskId, { view: 'MINIMAL' })) !== undefined) continue;
      found.push({
        kind: 'attempt folder',
        name: join(attempts, name),
        reason: 'the store has no such task',
      });
    }
    return found;
  }

  async function traces(): Promise<Leftover[]> {
    const seen = await survey();
    const owned = ownedBy(await store.active());
    return seen
      .filter((trace) => !isOwned(trace, owned))
      .map(({ bytes, kind, name }) => ({
        kind,
        name,
        reason:
          kind === 'disk'
            ? 'no attempt has it; it may be kept ready for the next'
            : 'no attempt under way has it',
        ...(bytes === undefined ? {} : { bytes }),
      }));
  }

  async function dueImages(): Promise<Leftover[]> {
    return (await images.due()).map(({ digest, sizeBytes }) => ({
      kind: 'image',
      name: digest,
      reason: 'unused, and beyond images.max_size or images.max_age',
      bytes: sizeBytes,
    }));
  }

  /** All at once, by the backend, which has its own order for it. */
  async function sweep(): Promise<void> {
    starts.hold('sweep', 'what no task owns is being removed; it takes moments');
    try {
      await backend.sweep((await settled()).flatMap((task) => handleOf(task) ?? []));
    } finally {
      starts.lift('sweep');
    }
  }

  /** The tasks under way, once each attempt that runs is one of them and has its handle on record. */
  async function settled(): Promise<readonly TaskRecord[]> {
    const deadline = performance.now() + (sources.patienceMs ?? PATIENCE_MS);
    for (;;) {
      const active = await store.active();
      if (active.length === starts.running() && active.every((task) => handleOf(task) !== undefined))
        return active;
      if (performance.now() > deadline)
        throw new Error(
          'an attempt was beginning or ending all the time; try again, or drain the server first',
        );
      await sleep(POLL_MS);
    }
  }

  return {
    find,
    async remove() {
      const found = await find();
      const failures = new Map<string, string>();
      for (const { kind, name } of found) {
        if (kind !== 'attempt folder') continue;
        try {
          await sources.forget([basename(name)]);
          await rm(name, { recursive: true, force: true });
        } catch (error) {
          failures.set(name, why(error));
        }
      }
      await images.collect().catch(() => undefined);
      let problem = 'it could not be removed; the log of the server says more';
      await sweep().catch((error: unknown) => (problem = why(error)));
      // What is told as removed is what isn't there any more.
      const left = new Set((await find()).map(({ name }) => name));
      return found.map((each) =>
        left.has(each.name) ? { ...each, failure: failures.get(each.name) ?? problem } : each,
      );
    },
  };
}

interface Owned {
  readonly ids: readonly string[];
  readonly slots: ReadonlySet<unknown>;
}

function ownedBy(active: readonly TaskRecord[]): Owned {
  return {
    // Also of an attempt that isn't on record yet: names begin with the task's id.
    ids: active.map(({ id }) => id),
    slots: new Set(active.map((task) => handleOf(task)?.['slot'])),
  };
}

function isOwned({ container, slot }: Trace, owned: Owned): boolean {
  if (slot !== undefined) return owned.slots.has(slot);
  return container !== undefined && owned.ids.some((id) => container.startsWith(`${id}-`));
}

function handleOf(task: TaskRecord): Handle | undefined {
  const handle = task.attempts.at(-1)?.handle;
  const isHandle = typeof handle === 'object' && handle !== null && 'backend' in handle;
  return isHandle && typeof handle.backend === 'string' ? { ...handle, backend: handle.backend } : undefined;
}

function why(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
