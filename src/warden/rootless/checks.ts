import type { HostAbilities } from '../warden.ts';
import type { HostCheck } from '../host-check.ts';

const ROOT = 'start as root, and it is enforced';

/** What a server without root can do here: tasks run, but for what only root of the host may set up. */
export function rootlessChecks({ unenforced }: HostAbilities): HostCheck[] {
  const shares = unenforced.filter((name) => !['devices', 'id-range'].includes(name));
  return [
    {
      id: 'root',
      title: 'without root',
      status: 'warn',
      found: `root of a user namespace of its own; not enforced: ${unenforced.join(', ')}`,
      remedy: `a server starts only where its configuration says so, policy.may_be_unenforced: [${shares.join(', ')}]; as root, all of it is enforced`,
    },
    ...LACKS.filter(({ id }) => unenforced.includes(id)).map((lack): HostCheck => ({
      ...lack,
      status: 'warn',
    })),
    {
      id: 'pids',
      title: 'limit of processes',
      status: 'ok',
      found: 'a resource limit for each user of a container; for the profile mapped-root, not enforced',
    },
  ];
}

const LACKS: readonly Omit<HostCheck, 'status'>[] = [
  {
    id: 'cpu',
    title: 'limit of cpu',
    found: 'no control group may be made: a task takes what it can get',
    remedy: ROOT,
  },
  {
    id: 'memory',
    title: 'limit of memory',
    found: 'no control group may be made: the host as a whole runs out of it, and ends tasks first',
    remedy: ROOT,
  },
  {
    id: 'disk',
    title: 'disk limit',
    found: 'a folder, where a task can fill the disk of the host',
    remedy: ROOT,
  },
  {
    id: 'devices',
    title: 'list of devices',
    found: 'no control group may be made: the user namespace alone keeps tasks from devices',
    remedy: ROOT,
  },
];

/** Of a user for whom the host makes no user namespace. */
export function noNamespaceCheck(error: unknown): HostCheck {
  return {
    id: 'root',
    title: 'without root',
    status: 'fail',
    found: error instanceof Error ? error.message.trim() : String(error),
    remedy: 'run as root, or see docs/host-setup.md, "Without root"',
  };
}
