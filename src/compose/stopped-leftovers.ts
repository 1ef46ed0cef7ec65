import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import type { Leftover } from '../cli/context.ts';
import type { Config } from '../config/schema.ts';
import { BulkheadError } from '../errors.ts';
import { lockDataFolder } from '../store/sqlite/lock.ts';
import { openLocalWarden } from '../warden/local-warden.ts';
import { findOrphans, removeOrphan } from '../warden/orphans.ts';
import { openSeals } from '../warden/seals.ts';
import { findServerUser } from '../warden/server-user.ts';
import { surveyHost, type Trace } from '../warden/survey.ts';
import { wardenOptions } from './warden-options.ts';

/**
 * What a stopped server left on this host that no open attempt of it has, and instances whose data folder is gone. The
 * database isn't opened, which somebody without privilege has written: what an attempt is, the warden's own records say; what
 * runs goes on. Throws `store-locked` where the server runs, and `host` for who isn't root.
 */
export async function stoppedLeftovers(
  config: Config,
  { remove }: { readonly remove: boolean },
): Promise<readonly Leftover[]> {
  if (process.getuid?.() !== 0)
    throw new BulkheadError('host', 'bulkhead gc --stopped looks at the host itself: start it as root');
  return [...(await ofInstance(config, remove)), ...(await ofOrphans(config.backend.run, remove))];
}

async function ofInstance(config: Config, remove: boolean): Promise<readonly Leftover[]> {
  if (!existsSync(config.data)) return [];
  const data = realpathSync(config.data);
  const lock = lockDataFolder(data);
  try {
    const user = await findServerUser(config.server.user, config.backend.id_base);
    const options = wardenOptions(config, { data, run: config.backend.run }, user);
    mkdirSync(options.logFolder, { recursive: true, mode: 0o700 });
    const unowned = async (): Promise<readonly Trace[]> => {
      const open = openSeals(options.logFolder, user.gid).all();
      const slots = new Set<unknown>(open.map(({ slot }) => slot));
      const isOwned = ({ container, slot }: Trace): boolean =>
        slot === undefined
          ? container !== undefined && open.some(({ attempt }) => container.startsWith(`${attempt}-`))
          : slots.has(slot);
      return (await surveyHost(options)).filter((trace) => !isOwned(trace));
    };
    const found = await unowned();
    const reason = 'no open attempt of the stopped server has it';
    if (!remove || found.length === 0) return found.map((trace) => leftover(trace, reason));
    const warden = await openLocalWarden(options);
    let problem = 'it could not be removed';
    try {
      const attempts = openSeals(options.logFolder, user.gid)
        .all()
        .map(({ attempt }) => attempt);
      await warden.sweep({ attempts });
    } catch (error) {
      problem = why(error);
    } finally {
      await warden.close();
    }
    const left = new Set((await unowned()).map(({ name }) => name));
    return found.map((trace) => ({
      ...leftover(trace, reason),
      ...(left.has(trace.name) ? { failure: problem } : {}),
    }));
  } finally {
    lock.release();
  }
}

async function ofOrphans(runFolder: string, remove: boolean): Promise<readonly Leftover[]> {
  const leftovers: Leftover[] = [];
  for (const orphan of await findOrphans(runFolder)) {
    const reason = `its data folder ${orphan.dataFolder} is gone`;
    const failure = remove ? await removeOrphan(orphan).then(() => undefined, why) : undefined;
    const found = [
      ...orphan.traces.map((trace) => leftover(trace, reason)),
      { kind: 'run folder', name: orphan.run.root, reason },
    ];
    leftovers.push(...found.map((each) => (failure === undefined ? each : { ...each, failure })));
  }
  return leftovers;
}

function leftover({ bytes, kind, name }: Trace, reason: string): Leftover {
  return { kind, name, reason, ...(bytes === undefined ? {} : { bytes }) };
}

function why(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
