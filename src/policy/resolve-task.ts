import type { FieldFault } from '../errors.ts';
import type { TesResources } from '../tes/task.ts';
import type { Asked, SandboxRequest } from './asks.ts';
import { decide } from './decision.ts';
import type { Bound, Decision } from './decision.ts';
import { SCALES } from './fields.ts';
import type { TASK_FIELDS, Values } from './fields.ts';
import { ceilingOf, defaultOf, find } from './levels.ts';
import type { Found, Level } from './levels.ts';
import type { Sizes } from './match.ts';
import type { Scale } from './scale.ts';
import type { SitePolicy } from './site.ts';

/** What the machine has for tasks in all. */
export interface Machine {
  readonly cpuCores: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
}

export interface TaskQuestion {
  readonly site: SitePolicy;
  /** Of each executor, the rules that match it, and the site. */
  readonly levels: readonly (readonly Level[])[];
  readonly request: SandboxRequest;
  readonly resources: TesResources;
  readonly machine: Machine;
}

export interface TaskResolution {
  readonly decisions: TaskDecisions;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly warnings: readonly string[];
  readonly refusals: readonly FieldFault[];
}

export type TaskDecisions = { readonly [F in (typeof TASK_FIELDS)[number]]: Decision<Values[F]> };

const GIB = 2 ** 30;

/** The least that can be enforced: a cpu quota of 1 ms in 100, a container's own start-up, a file system's own tables. */
const LEAST: Readonly<Record<keyof Sizes, number>> = {
  cpu_cores: 0.01,
  ram_gb: 16 / 1024,
  disk_gb: 16 / 1024,
};

/**
 * Resolves what holds for all executors together: of the defaults that they would have by their images, the loosest, and
 * of the ceilings the tightest. A default is never refused: the task gets as much as ceiling and machine have. Pure, total.
 */
export function resolveTask(question: TaskQuestion): TaskResolution {
  const { machine } = question;
  const warnings: string[] = [];
  const refusals: FieldFault[] = [];
  const has = {
    cpu_cores: machine.cpuCores,
    ram_gb: machine.memoryBytes / GIB,
    disk_gb: machine.diskBytes / GIB,
  };
  const decisions: TaskDecisions = {
    cpu_cores: decideSize('cpu_cores'),
    ram_gb: decideSize('ram_gb'),
    disk_gb: decideSize('disk_gb'),
    timeout: decideTimeout(question),
  };
  for (const { refusal } of Object.values(decisions)) if (refusal !== undefined) refusals.push(refusal);
  return {
    decisions,
    memoryBytes: Math.floor(decisions.ram_gb.value * GIB),
    diskBytes: Math.floor(decisions.disk_gb.value * GIB),
    warnings,
    refusals,
  };

  function decideSize(size: keyof Sizes): Decision<number> {
    const wanted = question.resources[size];
    const isSize = wanted !== undefined && Number.isFinite(wanted) && wanted > 0;
    const decision = decide(SCALES[size], {
      asked: isSize ? sizeAsked(size, wanted) : undefined,
      byDefault: loosestDefault(question, size),
      bounds: [
        ...tightestCeiling(question, size),
        { value: has[size], source: { key: 'this machine' }, kind: 'machine' },
      ],
    });
    if (wanted !== undefined && !isSize) {
      const problem = `asked ${wanted}; must be a number above 0, or be left out for the site's default`;
      return { ...decision, refusal: { field: `/resources/${size}`, problem } };
    }
    if (!isSize || decision.refusal !== undefined || wanted >= LEAST[size]) return decision;
    warnings.push(`resources.${size}: ${wanted} is less than can be enforced; the task gets ${LEAST[size]}`);
    return { ...decision, value: LEAST[size], decidedBy: { key: 'what can be enforced' } };
  }
}

function sizeAsked(size: keyof Sizes, value: number): Asked<number> {
  return { value, at: `/resources/${size}`, as: `${size}=${value}` };
}

function decideTimeout(question: TaskQuestion): Decision<number | null> {
  const byDefault = loosestDefault(question, 'timeout');
  const ceilings = question.levels.map((levels) => ceilingOf(question.site, levels, 'timeout', byDefault));
  return decide(SCALES.timeout, {
    asked: question.request.task.fields.timeout,
    byDefault,
    bounds: [{ ...(tightestOf(SCALES.timeout, ceilings) ?? byDefault), kind: 'ceiling' }],
  });
}

type TaskField = (typeof TASK_FIELDS)[number];

function loosestDefault<F extends TaskField>({ site, levels }: TaskQuestion, field: F): Found<Values[F]> {
  const first = defaultOf(site, [site], field);
  const scale: Scale<Values[F]> = SCALES[field];
  const [own, ...others] = levels.map((each) => defaultOf(site, each, field));
  return others.reduce((best, each) => (scale.isWithin(each.value, best.value) ? best : each), own ?? first);
}

/** Without a ceiling, the machine alone bounds a size. */
function tightestCeiling({ site, levels }: TaskQuestion, size: keyof Sizes): Bound<number>[] {
  const found = levels.map((each) => find(site, each, 'ceilings', size)).filter((each) => each !== undefined);
  const tightest = tightestOf(SCALES[size], found);
  return tightest === undefined ? [] : [{ ...tightest, kind: 'ceiling' }];
}

function tightestOf<T>(scale: Scale<T>, found: readonly Found<T>[]): Found<T> | undefined {
  const [first, ...rest] = found;
  if (first === undefined) return undefined;
  return rest.reduce((best, each) => (scale.isWithin(best.value, each.value) ? best : each), first);
}
