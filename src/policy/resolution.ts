import type { FieldFault } from '../errors.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { TesTaskDocument } from '../tes/task.ts';
import { assembled } from './assembly.ts';
import { enforcementProblem } from './enforcement.ts';
import type { ImageName } from './image-pattern.ts';
import { levelsFor, profilesOf } from './levels.ts';
import type { Level } from './levels.ts';
import type { Candidate } from './match.ts';
import { parseRequest } from './parse-request.ts';
import type { ParsedRequest } from './parse-request.ts';
import { refusalByRule } from './refusing-rule.ts';
import { resolveExecutor } from './resolve-executor.ts';
import type { Abilities, ExecutorResolution } from './resolve-executor.ts';
import { storageRefusals } from './resolve-storage.ts';
import { resolveTask } from './resolve-task.ts';
import type { Machine, TaskResolution } from './resolve-task.ts';
import type { SitePolicy } from './site.ts';

export interface AdmissionRequest {
  readonly site: SitePolicy;
  readonly document: TesTaskDocument;
  /** Who asks. */
  readonly principal: Principal;
  /** What each executor's image reference says, in their order. */
  readonly images: readonly ImageName[];
  readonly machine: Machine;
  readonly abilities: Abilities;
  /** Controls that can't be enforced there, by name. */
  readonly unenforced: readonly string[];
}

export interface Principal {
  readonly subject: string;
  readonly groups: readonly string[];
}

/** Everything that was decided about a task, admitted or not. */
export interface Resolution {
  /** What would be enforced; where there are refusals, with the nearest that would have been granted in their place. */
  readonly sandbox: Sandbox;
  /** The backend parameters that are kept. */
  readonly supported: ParsedRequest['supported'];
  readonly task: TaskResolution;
  readonly executors: readonly ExecutorResolution[];
  /** Of each executor, the rules that match it, then the site. */
  readonly levels: readonly (readonly Level[])[];
  readonly warnings: readonly string[];
  /** Each once; none where the task is admitted. */
  readonly refusals: readonly FieldFault[];
}

/** Pure, total and deterministic. Throws `config` where the site names a profile that doesn't exist. */
export function resolve(asked: AdmissionRequest): Resolution {
  const { site, document, machine, abilities } = asked;
  const candidates = candidatesOf(asked);
  const levels = candidates.map((candidate) => levelsFor(site, candidate));
  const parsed = parseRequest(document, { profiles: [...profilesOf(site).keys()], tags: site.tags });
  const { request } = parsed;
  const resources = document.resources ?? {};
  const task = resolveTask({ site, levels, request, resources, machine });
  const executors = levels.map((own, index) =>
    resolveExecutor({ site, levels: own, request, index, abilities }),
  );
  const lacking = enforcementProblem(site, asked.unenforced);
  return {
    sandbox: assembled(site, task, executors),
    supported: parsed.supported,
    task,
    executors,
    levels,
    warnings: [...task.warnings, ...parsed.warnings],
    refusals: distinct([
      ...task.refusals,
      ...parsed.refusals,
      ...executors.flatMap(({ refusals }) => refusals),
      ...storageRefusals(document, levels),
      ...refusalByRule(site.rules, candidates),
      // No field of the task is at fault: it is the document as a whole that can't be run here.
      ...(lacking === undefined ? [] : [{ field: '', problem: lacking }]),
    ]),
  };
}

/** The task as each of its executors shows it to the rules. */
function candidatesOf({ site, document, principal, images }: AdmissionRequest): Candidate[] {
  const { resources = {}, name: taskName = '' } = document;
  const { cpu_cores, ram_gb, disk_gb } = site.defaults;
  const sizes = {
    cpu_cores: resources.cpu_cores ?? cpu_cores,
    ram_gb: resources.ram_gb ?? ram_gb,
    disk_gb: resources.disk_gb ?? disk_gb,
  };
  return images.map((image) => ({ ...principal, image, taskName, sizes }));
}

/** A task that says the same of many executors is told once. */
function distinct(refusals: readonly FieldFault[]): readonly FieldFault[] {
  return [
    ...new Map(
      refusals.map((refusal) => [JSON.stringify([refusal.field, refusal.problem]), refusal]),
    ).values(),
  ];
}
