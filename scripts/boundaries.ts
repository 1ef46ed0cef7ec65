/** Holds the imports of `src/` to the rules of ARCHITECTURE.md. Exits 1 where one is broken, or where it saw too little. */
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { checkBoundaries } from './boundaries/check.ts';
import { forbiddenImports } from './boundaries/rules.ts';

const root = join(import.meta.dirname, '..');
const report = await checkBoundaries(root);
const comments = new Map(forbiddenImports().map((rule) => [rule.name, rule.comment]));

for (const { rule, from, to } of report.violations) {
  console.log(`${from} imports ${to}: ${comments.get(rule) ?? ''} (${rule})`);
}

// With a TypeScript that has no compiler API (7), dependency-cruiser finds no TypeScript file, no import and no fault.
const files = globSync('src/**/*.ts', { cwd: root }).length;
const blind = report.modules < files || report.imports < files;
if (blind) {
  console.log(`saw ${report.modules} modules with ${report.imports} imports, but src/ has ${files} files: is the package
"typescript" still the alias to TypeScript 6?`);
}
console.log(
  `${report.modules} modules, ${report.imports} imports, ${report.violations.length} broken boundaries`,
);
process.exitCode = blind || report.violations.length > 0 ? 1 : 0;
