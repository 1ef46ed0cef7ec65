import type { FieldFault } from '../errors.ts';
import type { TesTaskDocument } from '../tes/task.ts';
import type { Asked, AskedFields, SandboxRequest } from './asks.ts';
import { SCALES, TASK_FIELDS } from './fields.ts';
import type { Field, Values } from './fields.ts';
import { formatKey, isReserved, looksReserved, parseKey, SUPPORTED_PARAMETERS } from './parameter-key.ts';
import type { ParameterKey } from './parameter-key.ts';

export interface RequestOptions {
  /** Names of the profiles that the site has. */
  readonly profiles: readonly string[];
  /** Whether tags named as sandbox parameters count as such. */
  readonly tags: boolean;
}

export interface ParsedRequest {
  readonly request: SandboxRequest;
  /** The backend parameters without those that aren't supported: TES 1.1 forbids to store them. Undefined where none is left. */
  readonly supported: Readonly<Record<string, string>> | undefined;
  readonly warnings: readonly string[];
  readonly refusals: readonly FieldFault[];
}

/**
 * Reads what a task asks of its sandbox: backend parameters, whose keys are case-insensitive (TES 1.1), and tags of the
 * same names, for clients that can send nothing else. Total: what can't be read is refused, all at once, each by its
 * JSON pointer.
 */
export function parseRequest(document: TesTaskDocument, options: RequestOptions): ParsedRequest {
  const reader = new Reader(options, document.executors.length);
  const { backend_parameters: parameters = {}, backend_parameters_strict: strict } = document.resources ?? {};
  for (const [key, value] of Object.entries(parameters)) reader.parameter(key, value, strict === true);
  for (const [key, value] of Object.entries(document.tags ?? {})) reader.tag(key, value);
  return reader.result();
}

interface Draft {
  fields: AskedFields;
  profile?: Asked<string>;
}

/** What was read so far. */
class Reader {
  readonly #options: RequestOptions;
  readonly #executorCount: number;
  readonly #task: Draft = { fields: {} };
  readonly #executors = new Map<number, Draft>();
  readonly #supported: [string, string][] = [];
  readonly #warnings: string[] = [];
  readonly #refusals: FieldFault[] = [];

  constructor(options: RequestOptions, executorCount: number) {
    this.#options = options;
    this.#executorCount = executorCount;
  }

  parameter(key: string, value: string, isStrict: boolean): void {
    const at = `/resources/backend_parameters/${escaped(key)}`;
    const known = parseKey(key);
    if (known !== undefined) {
      this.#supported.push([formatKey(known), value]);
      this.#ask(known, value, at);
    } else if (isReserved(key) || looksReserved(key)) {
      this.#refuse(at, UNKNOWN);
    } else if (isStrict) {
      this.#refuse(at, 'not supported by this server, and backend_parameters_strict is true');
    } else {
      this.#warnings.push(`backend parameter ${key} is not supported and was ignored`);
    }
  }

  tag(key: string, value: string): void {
    const at = `/tags/${escaped(key)}`;
    const known = parseKey(key);
    if (this.#options.tags) {
      if (known !== undefined) this.#ask(known, value, at);
      else if (isReserved(key)) this.#refuse(at, UNKNOWN);
    } else if (known !== undefined) {
      const remedy = 'send it as a backend parameter, or leave it out';
      this.#refuse(at, `this site takes no sandbox parameter from a tag (policy.tags); ${remedy}`);
    }
  }

  result(): ParsedRequest {
    for (const asks of [this.#task, ...this.#executors.values()]) this.#completeNetwork(asks);
    return {
      request: { task: this.#task, executors: this.#executors },
      supported: this.#supported.length > 0 ? Object.fromEntries(this.#supported) : undefined,
      warnings: this.#warnings,
      refusals: this.#refusals,
    };
  }

  #ask(key: ParameterKey, text: string, at: string): void {
    const { word, executor } = key;
    if (executor !== undefined && TASK_FIELDS.some((field) => field === word)) {
      this.#refuse(at, `is for the task as a whole: ask for ${formatKey({ word })}, without an index`);
      return;
    }
    if (executor !== undefined && executor >= this.#executorCount) {
      const count = this.#executorCount === 1 ? '1 executor' : `${this.#executorCount} executors`;
      this.#refuse(at, `the task has ${count}, and the first is ${formatKey({ word, executor: 0 })}`);
      return;
    }
    const asks = this.#asksOf(executor);
    if (word === 'profile') this.#askProfile(asks, key, text, at);
    else this.#askField(asks, word, key, text, at);
  }

  #asksOf(executor: number | undefined): Draft {
    if (executor === undefined) return this.#task;
    const asks = this.#executors.get(executor) ?? { fields: {} };
    this.#executors.set(executor, asks);
    return asks;
  }

  #askProfile(asks: Draft, key: ParameterKey, name: string, at: string): void {
    if (!this.#options.profiles.includes(name)) {
      this.#refuse(
        at,
        `asked ${shown(name)}; this site has the profiles ${this.#options.profiles.join(', ')}`,
      );
    } else if (asks.profile === undefined) {
      asks.profile = { value: name, at, as: `${formatKey(key)}=${name}` };
    } else if (asks.profile.value !== name) {
      this.#conflict(at, { as: `${formatKey(key)}=${name}` }, asks.profile);
    }
  }

  #askField(asks: Draft, field: Field, key: ParameterKey, text: string, at: string): void {
    const asked = readAsked(field, key, text, at);
    const before = asks.fields[field];
    if (asked === undefined) this.#refuse(at, `asked ${shown(text)}; must be ${SCALES[field].expectation}`);
    else if (before === undefined) asks.fields = { ...asks.fields, [field]: asked };
    else if (before.as !== asked.as) this.#conflict(at, asked, before);
  }

  /** A list of places is a wish to reach them. */
  #completeNetwork(asks: Draft): void {
    const { network, egress } = asks.fields;
    if (egress === undefined) return;
    if (network === undefined) asks.fields = { ...asks.fields, network: { ...egress, value: 'egress' } };
    else if (network.value !== 'egress') {
      const problem = `asked ${SCALES.egress.format(egress.value)}, but ${network.as}: the list is for the network egress`;
      this.#refuse(egress.at, problem);
    }
  }

  #conflict(at: string, { as }: { readonly as: string }, before: Asked<unknown>): void {
    this.#refuse(at, `asked ${as}, and ${before.at} asks ${before.as}: ask once`);
  }

  #refuse(field: string, problem: string): void {
    this.#refusals.push({ field, problem });
  }
}

function readAsked<F extends Field>(
  field: F,
  key: ParameterKey,
  text: string,
  at: string,
): Asked<Values[F]> | undefined {
  const scale = SCALES[field];
  const value = scale.parse(text);
  return value === undefined ? undefined : { value, at, as: `${formatKey(key)}=${scale.format(value)}` };
}

const UNKNOWN = `is no sandbox parameter that this server knows, and ignoring it could weaken the sandbox; known are ${SUPPORTED_PARAMETERS.join(', ')}, each for a single executor with its index behind (.0 is the first)`;

function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 79)}…` : text);
}

/** Of a JSON pointer, RFC 6901 section 3. */
function escaped(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}
