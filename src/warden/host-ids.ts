import { readFileSync } from 'node:fs';
import { BulkheadError } from '../errors.ts';

/** Host ids that tasks are mapped to: id inside + `base` = id on this host. */
export interface HostIds {
  readonly base: number;
  readonly count: number;
  /** In a user namespace, what its ids are outside: files keep that. Else empty. */
  readonly map: string;
}

const MAPS = ['uid_map', 'gid_map'] as const;
/** What a container has where there are enough. */
const FULL_COUNT = 65_536;
/** Of a user namespace: root, those of a container up to `nobody` (65,534), and the server's. */
export const LEAST_IDS = 65_537;

/** The range of tasks: from the configured id on, and in a user namespace those after root's. Throws `host` for one that has too few. */
export function taskIds(idBase: number): HostIds {
  const count = namespaceIds();
  if (count === undefined) return { base: idBase, count: FULL_COUNT, map: '' };
  if (count < LEAST_IDS) {
    throw new BulkheadError(
      'host',
      `this user namespace has the ids 0 to ${count - 1}, and tasks need ${LEAST_IDS} of them (see subuid(5))`,
    );
  }
  const map = MAPS.map((name) => mapText(name).trim().replace(/\s+/g, ' ')).join(', ');
  return { base: 1, count: Math.min(FULL_COUNT, count - 2), map };
}

/** An id that is nobody's: the one before those of the tasks, and in a user namespace its last. */
export function spareId(idBase: number): number {
  const count = namespaceIds();
  return count === undefined ? idBase - 1 : count - 1;
}

/** This process is root of a user namespace and of nothing else on the host. */
export function isInUserNamespace(): boolean {
  return namespaceIds() !== undefined;
}

/** How many ids from 0 without a gap a user namespace has; undefined for the host's own. Source: user_namespaces(7). */
function namespaceIds(): number | undefined {
  const counts = MAPS.map((name) => idsIn(mapText(name)));
  return counts.includes(undefined) ? undefined : Math.min(...counts.map(Number));
}

function mapText(name: (typeof MAPS)[number]): string {
  return readFileSync(`/proc/self/${name}`, 'utf8');
}

/** Pure. */
function idsIn(map: string): number | undefined {
  const parts = map
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .toSorted(([a = 0], [b = 0]) => a - b);
  let next = 0;
  for (const [inside, outside, count = 0] of parts) {
    if (inside === 0 && outside === 0 && count === 2 ** 32 - 1) return undefined;
    if (inside !== next) break;
    next += count;
  }
  return next;
}
