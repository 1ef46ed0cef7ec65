import type { FieldFault } from '../errors.ts';
import type { TesResources } from '../tes/task.ts';
import type { SiteCeilings, SiteDefaults } from './site.ts';

/** What the machine has for tasks in all. */
export interface Machine {
  readonly cpuCores: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
}

export interface ResolvedResources {
  readonly cpuCores: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly warnings: readonly string[];
  readonly refusals: readonly FieldFault[];
}

const GIB = 2 ** 30;

type Key = 'cpu_cores' | 'ram_gb' | 'disk_gb';

/** The least that can be enforced: a cpu quota of 1 ms in 100, a container's own start-up, a file system's own tables. */
const LEAST: Readonly<Record<Key, number>> = { cpu_cores: 0.01, ram_gb: 16 / 1024, disk_gb: 16 / 1024 };

/**
 * The size of a task: what it asks for, else the site's defaults. What it asks beyond the site's ceilings or the
 * machine is refused, each field with what was asked, the limit, and where the limit is written. A default is
 * never refused: where it is above a ceiling or the machine, the task gets as much as there is.
 */
export function resolveResources(
  asked: TesResources,
  site: { readonly defaults: SiteDefaults; readonly ceilings: SiteCeilings },
  machine: Machine,
): ResolvedResources {
  const has = {
    cpu_cores: machine.cpuCores,
    ram_gb: machine.memoryBytes / GIB,
    disk_gb: machine.diskBytes / GIB,
  };
  const warnings: string[] = [];
  const refusals: FieldFault[] = [];

  function size(key: Key): number {
    const ceiling = tightest(key, site.ceilings[key], has[key]);
    const wanted = asked[key];
    if (wanted === undefined) return Math.min(site.defaults[key], ceiling.limit);
    const problem = refusal(wanted, ceiling);
    if (problem !== undefined) {
      refusals.push({ field: `/resources/${key}`, problem });
      return ceiling.limit;
    }
    if (wanted >= LEAST[key]) return wanted;
    warnings.push(`resources.${key}: ${wanted} is less than can be enforced; the task gets ${LEAST[key]}`);
    return LEAST[key];
  }

  const cpuCores = size('cpu_cores');
  const memoryBytes = Math.floor(size('ram_gb') * GIB);
  const diskBytes = Math.floor(size('disk_gb') * GIB);
  return { cpuCores, memoryBytes, diskBytes, warnings, refusals };
}

interface Ceiling {
  readonly limit: number;
  readonly writtenIn: string;
}

function tightest(key: Key, ceiling: number | undefined, machine: number): Ceiling {
  if (ceiling !== undefined && ceiling < machine)
    return { limit: ceiling, writtenIn: `policy.ceilings.${key}` };
  return { limit: machine, writtenIn: 'this machine' };
}

function refusal(wanted: number, ceiling: Ceiling): string | undefined {
  if (!Number.isFinite(wanted) || wanted <= 0) {
    return `asked ${wanted}; must be a number above 0, or be left out for the site's default`;
  }
  if (wanted <= ceiling.limit) return undefined;
  return `asked ${wanted}, the limit is ${shown(ceiling.limit)} (${ceiling.writtenIn})`;
}

/** Rounded down to what people read: a machine has 15.51 GB, not 15.50997161865234. */
function shown(limit: number): string {
  return String(Math.floor(limit * 100) / 100 || limit);
}
