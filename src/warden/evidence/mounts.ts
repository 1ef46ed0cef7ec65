import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { INIT_PATH, type RuntimeSpec } from '../../backends/oci/compile.ts';
import { described, deviceName, parseMountinfo, type Mount } from './mountinfo.ts';
import { textOf, type Reading } from './reading.ts';

/**
 * What a process sees of file systems: its root, the folders of its task, nothing else of this host. Targets may differ
 * from those that were asked for, where an image has symbolic links on the way: a folder is known by what it shows.
 */
export function mountReadings(proc: string, spec: RuntimeSpec): Reading[] {
  const mounts = parseMountinfo(textOf(join(proc, 'mountinfo')));
  const root = mounts.findLast(({ target }) => target === '/');
  const isOwnRoot = root?.device === deviceOf(spec.root.path);
  const binds = spec.mounts.filter(({ type, destination }) => type === 'bind' && destination !== INIT_PATH);
  const folders = binds.map((bind) => ({ bind, mount: whichShows(mounts, proc, bind.source) }));
  const init = mounts.find(({ target }) => target === INIT_PATH);
  const known = new Set([root, init, ...folders.map(({ mount }) => mount)]);
  const hostDevices = new Set(HOST_PLACES.map(deviceOf));
  const unexpected = mounts.filter((mount) => !known.has(mount) && !isUsual(mount, spec, hostDevices));
  const targets = new Map(mounts.map((mount) => [mount.target, mount]));

  return [
    {
      name: 'mount_root',
      found:
        root === undefined
          ? 'missing'
          : isOwnRoot
            ? described(root)
            : `another file system, ${described(root)}`,
      // A user namespace that is root inside may have setuid files: nobody outside is meant by them.
      wanted: `overlay ${spec.root.readonly ? 'ro' : 'rw'} nodev${spec.process.noNewPrivileges ? ' nosuid' : ''}`,
    },
    {
      name: 'mount_init',
      found: init === undefined ? 'missing' : flags(init) + (isOwnInit(proc, spec) ? '' : ' of another file'),
      wanted: 'ro nodev nosuid',
    },
    {
      name: 'mount_task_folders',
      found: listed(
        folders.flatMap(({ bind, mount }) => {
          if (mount === undefined) return [`${bind.destination} missing`];
          return flags(mount) === 'rw nodev nosuid' ? [] : [`${bind.destination} ${flags(mount)}`];
        }),
        'rw nodev nosuid',
      ),
      wanted: 'rw nodev nosuid',
    },
    {
      name: 'mount_others',
      found: listed(
        unexpected.map((mount) => `${described(mount)} at ${mount.target}`),
        'none',
      ),
      wanted: 'none',
    },
    {
      name: 'masked_paths',
      found: listed(
        spec.linux.maskedPaths.filter((path) => existsSync(path) && !targets.has(path)),
        'masked',
      ),
      wanted: 'masked',
    },
    {
      name: 'readonly_paths',
      found: listed(
        spec.linux.readonlyPaths.filter((path) => existsSync(path) && !isReadonly(targets.get(path))),
        'ro',
      ),
      wanted: 'ro',
    },
  ];
}

/** Where this host has file systems of the kinds that each container has of its own. */
const HOST_PLACES = ['/proc', '/sys', '/dev', '/dev/pts', '/dev/shm', '/dev/mqueue', '/run', '/tmp'];
const DEVICES = ['/null', '/zero', '/full', '/random', '/urandom', '/tty'];

/** What the runtime makes for every container: kernel file systems of its own, and the six devices. */
function isUsual(mount: Mount, spec: RuntimeSpec, hostDevices: ReadonlySet<string>): boolean {
  const { target, type, root } = mount;
  const isMasked = spec.linux.maskedPaths.includes(target);
  if (DEVICES.includes(root) && (target === `/dev${root}` || (isMasked && root === '/null'))) return true;
  // A control group of its own shows as what it is on this host; all else is new, and whole.
  if (type === 'cgroup' || type === 'cgroup2')
    return target.startsWith('/sys/fs/cgroup') && root === spec.linux.cgroupsPath && isReadonly(mount);
  if (hostDevices.has(mount.device)) return false;
  if (isMasked) return type === 'tmpfs' && isReadonly(mount);
  if (spec.linux.readonlyPaths.includes(target)) return type === 'proc' && isReadonly(mount);
  if (root !== '/' || !mount.options.includes('nosuid')) return false;
  // On cgroup v1, a folder for the controllers.
  if (target === '/sys/fs/cgroup') return type === 'tmpfs';
  const asked = spec.mounts.find(({ destination }) => destination === target);
  return asked?.type === type && (!asked.options.includes('ro') || isReadonly(mount));
}

/** The one that has this folder itself as its root, whatever its path in its file system. */
function whichShows(mounts: readonly Mount[], proc: string, source: string): Mount | undefined {
  const own = deviceOf(source);
  return mounts.findLast(
    ({ device, target }) => device === own && isSameFile(join(proc, 'root', target), source),
  );
}

function isOwnInit(proc: string, spec: RuntimeSpec): boolean {
  const source = spec.mounts.find(({ destination }) => destination === INIT_PATH)?.source ?? '';
  return isSameFile(join(proc, 'root', INIT_PATH), source);
}

function isSameFile(one: string, other: string): boolean {
  try {
    const [inside, outside] = [statSync(one), statSync(other)];
    return inside.dev === outside.dev && inside.ino === outside.ino;
  } catch {
    return false;
  }
}

function deviceOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? 'missing' : deviceName(found.dev);
}

function flags(mount: Mount): string {
  return described(mount).slice(mount.type.length + 1);
}

function isReadonly(mount: Mount | undefined): boolean {
  return mount?.options.includes('ro') ?? false;
}

function listed(problems: readonly string[], otherwise: string): string {
  return problems.length === 0 ? otherwise : problems.join(', ');
}
