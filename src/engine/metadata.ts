import { effectiveJson } from '../sandbox/effective.ts';
import { executorSandbox } from '../sandbox/executor.ts';
import { GRADES } from '../sandbox/sandbox.ts';
import type { Evidence, Grade, Sandbox } from '../sandbox/sandbox.ts';

/**
 * An attempt's `logs[].metadata`: the sandbox and what is known of its enforcement. A value that differs by
 * executor stands under the plain key for the first one and under `key.N` for executor N, as in the request; `sandbox_rules`
 * are those of the site that decided something.
 * The grade is the weakest of all executors; before the first has started it is `requested`.
 */
export function sandboxMetadata(
  sandbox: Sandbox,
  evidence: ReadonlyMap<number, Evidence>,
): Record<string, string> {
  const all = [...evidence.values()];
  const metadata: Record<string, string> = {
    sandbox_profile: sandbox.profile,
    sandbox_effective: effectiveJson(sandbox),
    sandbox_grade: weakest(all.map(({ grade }) => grade)),
  };
  for (const { index, profile } of sandbox.executors ?? []) {
    const own = executorSandbox(sandbox, index);
    if (profile !== sandbox.profile) metadata[`sandbox_profile.${index}`] = profile;
    metadata[`sandbox_effective.${index}`] = effectiveJson(own);
  }
  if (sandbox.rules !== undefined) metadata['sandbox_rules'] = sandbox.rules.join(',');
  if (all.length === 0) return metadata;
  metadata['sandbox_runtime'] = distinct(all.map(({ runtime }) => runtime)).join(', ');
  metadata['sandbox_unenforced'] = distinct(all.flatMap(({ unenforced }) => unenforced)).join(',');
  for (const [index, { configSha256, imageDigest }] of evidence) {
    const suffix = index === 0 ? '' : `.${index}`;
    metadata[`sandbox_config_sha256${suffix}`] = configSha256;
    metadata[`sandbox_image_digest${suffix}`] = imageDigest;
  }
  return metadata;
}

function weakest(grades: readonly Grade[]): Grade {
  return GRADES.find((grade) => grades.includes(grade)) ?? 'requested';
}

function distinct(values: readonly string[]): string[] {
  return [...new Set(values)].toSorted();
}
