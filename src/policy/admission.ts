import { BulkheadError } from '../errors.ts';
import { violations } from '../sandbox/invariants.ts';
import { PROFILES } from '../sandbox/profiles.ts';
import type { Profile } from '../sandbox/profiles.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { TesResources, TesTaskDocument } from '../tes/task.ts';
import { enforcementProblem } from './enforcement.ts';
import { resolveParameters } from './parameters.ts';
import { resolveResources } from './resources.ts';
import type { Machine } from './resources.ts';
import type { SitePolicy } from './site.ts';

export interface AdmissionRequest {
  readonly site: SitePolicy;
  readonly document: TesTaskDocument;
  /** Who asks: rules that match a principal will look at it. */
  readonly principal: { readonly subject: string; readonly groups: readonly string[] };
  readonly machine: Machine;
  /** Controls that can't be enforced there, by name. */
  readonly unenforced: readonly string[];
}

export interface Admission {
  readonly sandbox: Sandbox;
  /** As it is to be stored: without the backend parameters that aren't supported. */
  readonly document: TesTaskDocument;
  readonly warnings: readonly string[];
}

/**
 * Resolves what a task asks for and what its site grants into the sandbox that will be enforced. Total and
 * deterministic. Throws `refused` with every refusal at once, each naming its field, what was asked, the limit
 * and where the limit is written; `config` where the site's default profile doesn't exist.
 */
export function admit({ site, document, machine, unenforced }: AdmissionRequest): Admission {
  const { resources: asked = {} } = document;
  const resources = resolveResources(asked, site, machine);
  const parameters = resolveParameters(asked);
  const lacking = enforcementProblem(site, unenforced);
  const refusals = [
    ...resources.refusals,
    ...parameters.refusals,
    // No field of the task is at fault: it is the document as a whole that can't be run here.
    ...(lacking === undefined ? [] : [{ field: '', problem: lacking }]),
  ];
  if (refusals.length > 0) {
    const all = refusals
      .map(({ field, problem }) => (field === '' ? problem : `${field}: ${problem}`))
      .join('; ');
    throw new BulkheadError('refused', `the task is refused: ${all}`, { fields: refusals });
  }

  const { defaults } = site;
  const sandbox: Sandbox = {
    profile: defaults.profile,
    ...profileOf(site),
    limits: {
      cpuCores: resources.cpuCores,
      memoryBytes: resources.memoryBytes,
      diskBytes: resources.diskBytes,
      diskInodes: defaults.disk_inodes ?? inodesFor(resources.diskBytes),
      pids: defaults.pids,
      openFiles: defaults.open_files,
      logBytes: defaults.log_bytes,
      wallTimeMs: defaults.timeout,
      queueTimeMs: defaults.queue_time,
    },
  };
  return {
    sandbox: checked(sandbox),
    document: stored(document, parameters.supported),
    warnings: [...resources.warnings, ...parameters.warnings],
  };
}

function profileOf(site: SitePolicy): Profile {
  const name = site.defaults.profile;
  const profiles = new Map<string, Profile>([...Object.entries(site.profiles), ...Object.entries(PROFILES)]);
  const { isolation, privilege, network, rootfs, compat } =
    profiles.get(name) ?? unknownProfile(name, [...profiles.keys()]);
  return { isolation, privilege, network, rootfs, compat };
}

function unknownProfile(name: string, known: readonly string[]): never {
  throw new BulkheadError(
    'config',
    `policy.defaults.profile: there is no profile "${name}"; known are ${known.join(', ')}`,
  );
}

/** As `mke2fs` by its default of one inode for 16 KiB, but enough for a small disk full of small files. */
function inodesFor(diskBytes: number): number {
  return Math.max(16_384, Math.ceil(diskBytes / 16_384));
}

/** A site that grants what no sandbox may be is the operator's mistake, found before anything runs. */
function checked(sandbox: Sandbox): Sandbox {
  const problems = violations(sandbox);
  if (problems.length === 0) return sandbox;
  throw new BulkheadError(
    'config',
    `policy: profile "${sandbox.profile}" can't be a sandbox: ${problems.join('; ')}`,
  );
}

function stored(document: TesTaskDocument, supported: TesResources['backend_parameters']): TesTaskDocument {
  if (document.resources?.backend_parameters === undefined) return document;
  const { backend_parameters: _asked, ...resources } = document.resources;
  return {
    ...document,
    resources: supported === undefined ? resources : { ...resources, backend_parameters: supported },
  };
}
