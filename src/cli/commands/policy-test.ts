import type { Command } from 'commander';
import type { PolicyCase } from '../../config/policy-cases.ts';
import { BulkheadError, isBulkheadError } from '../../errors.ts';
import type { Explanation } from '../../policy/explanation.ts';
import { printable } from '../../printable.ts';
import { parseTask } from '../../tes/parse-task.ts';
import { configOf, examples, withConfig } from '../context.ts';
import type { ConfigOptions, Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { write, writeJson } from '../output.ts';

/** `bulkhead policy test CASES.yaml`. */
export function addPolicyTest(policy: Command, context: Context): void {
  withConfig(
    policy
      .command('test')
      .summary('try cases on the policy of a configuration')
      .description(
        'Tries the tasks of a file on the policy of a configuration, without a server, as on a host that has enough and enforces all. Ends with 1 where one differs from what is expected.',
      )
      .argument('<file>', 'cases as YAML: docs/policy.md describes them')
      .option('--json', 'answer for programs, as JSON on standard output'),
  )
    .addHelpText('after', examples('bulkhead policy test --config /etc/bulkhead.yaml cases.yaml'))
    .action(async (file: string, options: ConfigOptions) => {
      const { session } = context;
      const { readPolicyCases } = await import('../../config/policy-cases.ts');
      const { sitePolicy } = await import('../../config/site-policy.ts');
      const config = await configOf(context, options);
      const results: CaseResult[] = [];
      for (const each of readPolicyCases(file, session.cwd)) {
        const caller = { subject: each.subject, groups: each.groups };
        const maxContentBytes = config.limits.content_bytes;
        const outcome = await attempt(async () =>
          context.explain(sitePolicy(config), parseTask(each.task, { maxContentBytes }), caller),
        );
        results.push({ name: each.name, problems: differences(each, outcome) });
      }
      if (options.json === true) await writeJson(session, { cases: results });
      else await write(session.stdout, view(results));
      context.endWith(results.some(({ problems }) => problems.length > 0) ? EXIT.negative : EXIT.done);
    });
}

interface CaseResult {
  readonly name: string;
  readonly problems: readonly string[];
}

type Outcome = Explanation | BulkheadError;

/** A task that is none is refused too, as a server would. */
async function attempt(run: () => Promise<Explanation>): Promise<Outcome> {
  try {
    return await run();
  } catch (error) {
    if (isBulkheadError(error) && error.code !== 'config') return error;
    throw error;
  }
}

function differences({ expect }: PolicyCase, outcome: Outcome): string[] {
  const isAdmitted = !(outcome instanceof BulkheadError) && outcome.isAdmitted;
  const refusals = refusalsOf(outcome);
  const found: string[] = [];
  if (expect.admitted !== undefined && expect.admitted !== isAdmitted)
    found.push(isAdmitted ? 'is admitted' : `is refused: ${refusals.join('; ')}`);
  for (const words of expect.refusals ?? []) {
    if (!refusals.some((refusal) => refusal.includes(words)))
      found.push(`no refusal has ${JSON.stringify(words)}; there are: ${refusals.join('; ') || 'none'}`);
  }
  for (const [field, value] of Object.entries(expect.fields ?? {}))
    found.push(...fieldDifferences(field, value, outcome));
  return found;
}

function refusalsOf(outcome: Outcome): string[] {
  const faults = outcome instanceof BulkheadError ? outcome.fields : outcome.refusals;
  return faults.map(({ field, problem }) => (field === '' ? problem : `${field}: ${problem}`));
}

function fieldDifferences(field: string, value: string, outcome: Outcome): string[] {
  if (outcome instanceof BulkheadError) return [`${field} is nothing: ${outcome.message}`];
  const all = [...outcome.task, ...outcome.executors.flatMap(({ fields }) => fields)];
  const own = all.filter((explained) => explained.field === field);
  if (own.length === 0)
    return [
      `${field} is no field of it; there are ${[...new Set(all.map((each) => each.field))].join(', ')}`,
    ];
  const wrong = own.find((explained) => explained.value !== value);
  return wrong === undefined
    ? []
    : [`${field} is ${wrong.value}, not ${value}; decided by ${wrong.decidedBy}`];
}

function view(results: readonly CaseResult[]): string {
  const failed = results.filter(({ problems }) => problems.length > 0).length;
  const lines = results.flatMap(({ name, problems }) => [
    `${problems.length === 0 ? 'ok' : 'FAILED'}  ${printable(name)}\n`,
    ...problems.map((problem) => `        ${printable(problem)}\n`),
  ]);
  const verdict =
    failed === 0
      ? `All ${results.length} cases are as expected.`
      : `${failed} of ${results.length} cases are not as expected.`;
  return `${lines.join('')}\n${verdict}\n`;
}
