import type { Command } from 'commander';
import { printable } from '../../printable.ts';
import { clientOf, collect, examples, withServer } from '../context.ts';
import type { Context, ServerOptions } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { write, writeJson } from '../output.ts';
import { explanationOf } from '../policy-answer.ts';
import type { ExplanationAnswer, FieldAnswer } from '../policy-answer.ts';
import { table } from '../table.ts';
import { readJsonSource } from '../text-source.ts';

interface Options extends ServerOptions {
  readonly as?: string;
  readonly group: readonly string[];
  readonly backend?: string;
}

/** `bulkhead policy explain TASK.json|-`. */
export function addPolicyExplain(policy: Command, context: Context): void {
  withServer(
    policy
      .command('explain')
      .summary('what a task would get, and why')
      .description(
        'Shows field by field what a task would get: what it asks for, the default, the ceiling, and where each is written. Creates nothing. Ends with 1 where the task would be refused.',
      )
      .argument('<file>', 'a TES task as JSON; `-` reads standard input')
      .option('--as <subject>', 'as another caller; for operators')
      .option('--group <name>', 'as a member of this group; for operators; may be repeated', collect, [])
      .option('--backend <name>', 'also print what this backend would make of it: oci, kubernetes'),
  )
    .addHelpText(
      'after',
      examples(
        'bulkhead policy explain align.json',
        'bulkhead policy explain --as ann --group lab align.json',
        "bulkhead policy explain --backend oci --json align.json | jq '.specs[0].linux'",
      ),
    )
    .action(async (file: string, options: Options) => {
      const { session } = context;
      const document = await readJsonSource(session, file);
      const client = await clientOf(context, options);
      const answer = explanationOf(
        await client.operate('POST', `/policy:explain${queryOf(options)}`, document),
      );
      if (options.json === true) await writeJson(session, answer);
      else await write(session.stdout, view(answer));
      context.endWith(answer.admitted ? EXIT.done : EXIT.negative);
    });
}

function queryOf({ as, group, backend }: Options): string {
  const query = new URLSearchParams();
  if (as !== undefined) query.set('as', as);
  for (const name of group) query.append('group', name);
  if (backend !== undefined) query.set('backend', backend);
  return query.size === 0 ? '' : `?${query.toString()}`;
}

function view(answer: ExplanationAnswer): string {
  const {
    admitted,
    subject,
    groups,
    task,
    executors,
    refusals,
    warnings,
    specs = [],
    unenforced = [],
  } = answer;
  const who = `${subject}${groups.length === 0 ? '' : ` (${groups.join(', ')})`}`;
  return [
    `${admitted ? 'admitted' : 'refused'} for ${printable(who)}\n`,
    ...refusals.map(
      ({ field, problem }) => `  ${printable(field === '' ? problem : `${field}: ${problem}`)}\n`,
    ),
    ...warnings.map((warning) => `  warning: ${printable(warning)}\n`),
    '\nthe task\n',
    fieldTable(task),
    ...executors.map(({ index, image, rules, fields }) =>
      [
        `\nexecutor ${index}: ${printable(image)}\n`,
        rules.length === 0 ? '' : `rules that match: ${printable(rules.join(', '))}\n`,
        fieldTable(fields),
      ].join(''),
    ),
    ...specs.map((spec, index) => `\n${titleOf(spec, index)}\n${JSON.stringify(spec, undefined, 2)}\n`),
    unenforced.length === 0 ? '' : `\nnot enforced there: ${printable(unenforced.join(', '))}\n`,
  ].join('');
}

/** Kubernetes' objects say what they are. */
function titleOf(spec: unknown, index: number): string {
  const isNamed =
    typeof spec === 'object' && spec !== null && 'kind' in spec && typeof spec.kind === 'string';
  return isNamed ? printable(String(spec.kind)) : `runtime spec of executor ${index}`;
}

function fieldTable(fields: readonly FieldAnswer[]): string {
  const rows = fields.map(
    ({ field, value, asked, default: byDefault, ceiling, floor, machine, decided_by }) => [
      field,
      value,
      asked?.as ?? '',
      byDefault.value,
      [ceiling, floor, machine].flatMap((bound) => bound?.value ?? []).join(', '),
      decided_by,
    ],
  );
  return table(['FIELD', 'VALUE', 'ASKED', 'DEFAULT', 'CEILING, FLOOR', 'DECIDED BY'], rows);
}
