import { cruise } from 'dependency-cruiser';
import { forbiddenImports } from './rules.ts';

export interface BoundaryReport {
  /** Modules of `src/` that were read, and the imports that were found in them. */
  readonly modules: number;
  readonly imports: number;
  readonly violations: readonly Violation[];
}

export interface Violation {
  readonly rule: string;
  readonly from: string;
  readonly to: string;
}

/** Reads every module below `folder/src`, imports of types too, and holds them to the rules. */
export async function checkBoundaries(folder: string): Promise<BoundaryReport> {
  const { output } = await cruise(['src'], {
    baseDir: folder,
    validate: true,
    ruleSet: { forbidden: forbiddenImports() },
    // Else an import of types alone would not count: it is erased before the program runs.
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['node', 'import', 'default'] },
  });
  if (typeof output === 'string')
    throw new TypeError('dependency-cruiser answered with text instead of a result');
  const ours = output.modules.filter((module) => module.source.startsWith('src/'));
  return {
    modules: ours.length,
    imports: ours.reduce((sum, module) => sum + module.dependencies.length, 0),
    violations: output.summary.violations.map(({ rule, from, to }) => ({ rule: rule.name, from, to })),
  };
}
