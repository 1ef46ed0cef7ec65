import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { BulkheadError } from '../errors.ts';
import { isInUserNamespace, spareId } from './host-ids.ts';

/** Who serves: a user of this host without any privilege. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

const USUAL_NAME = 'bulkhead';

/**
 * By name; for `auto` the user `bulkhead` where this host has one, else an id that belongs to nobody. Throws `config` for
 * a name that isn't there, and for root.
 */
export async function findServerUser(name: string, idBase: number): Promise<ServerUser> {
  const spare = spareId(idBase);
  if (isInUserNamespace()) {
    if (name === 'auto') return { uid: spare, gid: spare };
    throw new BulkheadError(
      'config',
      `server.user: ${name} can't be had without root, where the server runs as a subordinate id; leave it at auto`,
    );
  }
  const found = await lookUp(name === 'auto' ? USUAL_NAME : name);
  if (found === undefined) {
    if (name === 'auto') return { uid: spare, gid: spare };
    throw new BulkheadError(
      'config',
      `server.user: this host has no user ${name}; make one (useradd --system ${name}), or leave it at auto`,
    );
  }
  if (found.uid === 0 || found.gid === 0)
    throw new BulkheadError('config', `server.user: ${name} is root; name a user without privilege`);
  return found;
}

/** By getent(1), so that users of directory services are found too. */
async function lookUp(name: string): Promise<ServerUser | undefined> {
  try {
    const { stdout } = await promisify(execFile)('getent', ['passwd', '--', name]);
    const [, , uid, gid] = stdout.trim().split(':');
    return { uid: Number(uid), gid: Number(gid) };
  } catch {
    return undefined;
  }
}
