import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { addPolicyExplain } from './policy-explain.ts';
import { addPolicyShow } from './policy-show.ts';
import { addPolicyTest } from './policy-test.ts';

/** `bulkhead policy`. */
export function addPolicy(program: Command, context: Context): void {
  const policy = program
    .command('policy')
    .summary('what tasks may ask for')
    .description('Shows, explains and tests what a site gives to tasks and lets them ask for.');
  addPolicyShow(policy, context);
  addPolicyExplain(policy, context);
  addPolicyTest(policy, context);
}
