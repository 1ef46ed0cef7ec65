import type { FieldFault } from '../errors.ts';
import { ANYWHERE, formatEndpoint } from '../sandbox/endpoint.ts';
import type { Endpoint } from '../sandbox/endpoint.ts';
import { executorViolations } from '../sandbox/invariants.ts';
import { ISOLATIONS } from '../sandbox/sandbox.ts';
import type { ExecutorSandbox, Isolation, NetworkMode } from '../sandbox/sandbox.ts';
import { askedFor } from './asks.ts';
import type { SandboxRequest } from './asks.ts';
import { decide } from './decision.ts';
import type { Bound, Decision } from './decision.ts';
import { SCALES } from './fields.ts';
import type { EXECUTOR_FIELDS, Values } from './fields.ts';
import { ceilingOf, defaultOf, defaultProfile, find, formatSource, presetOf } from './levels.ts';
import type { Found, Level } from './levels.ts';
import type { SitePolicy } from './site.ts';

/** What the backend of a site can do at all. */
export interface Abilities {
  readonly isolations: readonly Isolation[];
  readonly networks: readonly NetworkMode[];
}

export interface ExecutorResolution {
  readonly sandbox: ExecutorSandbox;
  readonly pids: number;
  readonly decisions: ExecutorDecisions;
  readonly refusals: readonly FieldFault[];
}

export type ExecutorDecisions = {
  readonly [F in (typeof EXECUTOR_FIELDS)[number]]: Decision<Values[F]>;
};

export interface ExecutorQuestion {
  readonly site: SitePolicy;
  /** The rules that match this executor, and the site. */
  readonly levels: readonly Level[];
  readonly request: SandboxRequest;
  readonly index: number;
  readonly abilities: Abilities;
}

/** Resolves the sandbox of one executor. Pure, total; throws `config` for a profile that the site doesn't have. */
export function resolveExecutor(question: ExecutorQuestion): ExecutorResolution {
  const { site, levels, request, index, abilities } = question;
  const wanted = decideField(question, 'network');
  const egress = decideEgress(question, wanted);
  const network = withList(wanted, egress);
  const decisions: ExecutorDecisions = {
    isolation: decideField(question, 'isolation'),
    privilege: decideField(question, 'privilege'),
    network,
    egress,
    rootfs: decideField(question, 'rootfs'),
    compat: decideField(question, 'compat'),
    pids: decideField(question, 'pids'),
  };
  const isolation = madeBy(abilities, decisions.isolation.value);
  const profile = (request.executors.get(index)?.profile ?? request.task.profile)?.value;
  const sandbox: ExecutorSandbox = {
    profile: profile ?? defaultProfile(site, levels).value,
    isolation: isolation ?? decisions.isolation.value,
    privilege: decisions.privilege.value,
    network: network.value,
    ...(network.value === 'egress' ? { egress: egress.value.map(formatEndpoint) } : {}),
    rootfs: decisions.rootfs.value,
    compat: decisions.compat.value,
  };
  const refusals = [
    ...Object.values(decisions).map(({ refusal }) => refusal),
    isolation === undefined ? unmet('isolation', decisions.isolation, abilities.isolations) : undefined,
    abilities.networks.includes(network.value) ? undefined : unmet('network', network, abilities.networks),
  ].filter((refusal) => refusal !== undefined);
  return {
    sandbox,
    pids: decisions.pids.value,
    decisions,
    refusals: refusals.length > 0 ? refusals : impossible(sandbox, decisions),
  };
}

/** The weakest that is made and is at least as strong. */
function madeBy({ isolations }: Abilities, wanted: Isolation): Isolation | undefined {
  return ISOLATIONS.findLast((each) => isolations.includes(each) && SCALES.isolation.isWithin(each, wanted));
}

type Plain = Exclude<(typeof EXECUTOR_FIELDS)[number], 'egress'>;

function decideField<F extends Plain>(question: ExecutorQuestion, field: F): Decision<Values[F]> {
  const { site, levels, request, index } = question;
  const byDefault = defaultOf(site, levels, field);
  const asked = askedFor(request, index, field, (profile) => presetOf(site, profile));
  const bounds: Bound<Values[F]>[] = [{ ...ceilingOf(site, levels, field, byDefault), kind: 'ceiling' }];
  const floor = find(site, levels, 'floors', field);
  if (floor !== undefined) bounds.push({ ...floor, kind: 'floor' });
  return decide(SCALES[field], { asked, byDefault, bounds });
}

/**
 * What may be reached. A task may ask for anything where the ceiling is an open network, since a list is tighter; what it
 * gets unasked is held to the list that is written all the same.
 */
function decideEgress(
  question: ExecutorQuestion,
  network: Decision<NetworkMode>,
): Decision<readonly Endpoint[]> {
  const { site, levels, request, index } = question;
  const usual = find(site, levels, 'defaults', 'egress') ?? {
    value: [],
    source: defaultProfile(site, levels).source,
  };
  const written = find(site, levels, 'ceilings', 'egress');
  const byDefault =
    written === undefined ? usual : { ...usual, value: SCALES.egress.tightest(usual.value, written.value) };
  const asked =
    network.value === 'egress'
      ? askedFor(request, index, 'egress', (profile) => presetOf(site, profile))
      : undefined;
  const open = network.bounds.every(({ value }) => value === 'open') ? network.bounds[0] : undefined;
  const ceiling: Found<readonly Endpoint[]> =
    open === undefined ? (written ?? usual) : { value: [ANYWHERE], source: open.source };
  return decide(SCALES.egress, { asked, byDefault, bounds: [{ ...ceiling, kind: 'ceiling' }] });
}

/** Egress to nowhere is no network; a task that asks for egress is told what is missing. */
function withList(
  network: Decision<NetworkMode>,
  egress: Decision<readonly Endpoint[]>,
): Decision<NetworkMode> {
  const { asked } = network;
  if (network.value !== 'egress' || egress.value.length > 0) return network;
  const decision: Decision<NetworkMode> = { ...network, value: 'none' };
  if (asked === undefined || network.refusal !== undefined || egress.refusal !== undefined) return decision;
  const problem = `asked ${asked.as}, but nothing says which host:port: send sandbox_egress`;
  return { ...decision, refusal: { field: asked.at, problem } };
}

function unmet<T extends string>(field: string, decision: Decision<T>, made: readonly T[]): FieldFault {
  const { asked, value, decidedBy } = decision;
  const by = asked === undefined && decidedBy !== undefined ? ` (${formatSource(decidedBy)})` : '';
  const problem = `${asked === undefined ? `${field} is ${value}${by}` : `asked ${value}`}, and the backend of this site makes ${made.join(', ')} only`;
  return { field: asked?.at ?? '', problem };
}

/** What no sandbox may be, whoever grants it. */
function impossible(
  sandbox: ExecutorSandbox,
  { privilege, isolation }: ExecutorDecisions,
): readonly FieldFault[] {
  const field = privilege.asked?.at ?? isolation.asked?.at ?? '';
  return executorViolations(sandbox).map((problem) => ({ field, problem }));
}
