import type { Sandbox } from './sandbox.ts';

/** The sandbox of one executor, by its index from 0, with nothing left that is about others. */
export function executorSandbox(sandbox: Sandbox, index: number): Sandbox {
  const { executors = [], rules: _rules, ...common } = sandbox;
  const exception = executors.find((each) => each.index === index);
  if (exception === undefined) return common;
  const { index: _index, pids, ...own } = exception;
  const { egress: _egress, ...rest } = common;
  return { ...rest, ...own, limits: { ...common.limits, pids } };
}
