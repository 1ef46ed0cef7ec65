import { checkExecutor } from './executor-check.ts';
import { pointerTo } from './faults.ts';
import type { Faults } from './faults.ts';
import { pathProblem, placeProblem, shown, textProblem } from './path.ts';
import type { Draft } from './shape.ts';
import type { TesInput, TesOutput, TesTaskDocument } from './task.ts';
import { urlProblem } from './url.ts';
import { wildcardProblem } from './wildcard.ts';

/** Finds what is wrong in a document besides its types, which were told of already where they are undefined here. */
export function checkDocument(
  draft: Draft<TesTaskDocument>,
  limits: { readonly maxContentBytes: number },
  faults: Faults,
): void {
  checkTexts('', { name: draft.name, description: draft.description }, faults);
  draft.inputs?.forEach(
    (input, at) => input && checkInput(pointerTo('/inputs', at), input, limits.maxContentBytes, faults),
  );
  draft.outputs?.forEach((output, at) => output && checkOutput(pointerTo('/outputs', at), output, faults));
  if (draft.executors?.length === 0)
    faults.addAt('/executors', 'is empty; a task needs at least one executor');
  draft.executors?.forEach(
    (executor, at) => executor && checkExecutor(pointerTo('/executors', at), executor, faults),
  );
  draft.volumes?.forEach((volume, at) =>
    faults.add('/volumes', at, volume === undefined ? undefined : placeProblem(volume)),
  );
  draft.resources?.zones?.forEach((zone, at) =>
    faults.add('/resources/zones', at, zone === undefined ? undefined : textProblem(zone)),
  );
  checkParameters(draft.resources?.backend_parameters ?? {}, faults);
  checkTexts('/tags', draft.tags ?? {}, faults);
}

function checkInput(at: string, input: Draft<TesInput>, maxContentBytes: number, faults: Faults): void {
  const { content, url, path } = input;
  checkTexts(at, { name: input.name, description: input.description }, faults);
  if (path !== undefined) faults.add(at, 'path', placeProblem(path));
  if (content !== undefined) faults.add(at, 'content', contentProblem(content, maxContentBytes));
  if (url === undefined) {
    faults.add(at, 'url', content === undefined ? 'is required where there is no content' : undefined);
  } else {
    // Where there is content the URL is ignored, so that it may be anything that can be stored.
    faults.add(at, 'url', content ? textProblem(url) : urlProblem(url));
  }
  if (content && input.type === 'DIRECTORY') faults.add(at, 'type', 'must be FILE where there is content');
}

function contentProblem(content: string, maxBytes: number): string | undefined {
  if (!content.isWellFormed()) return 'is not valid Unicode: it has half of a surrogate pair';
  const bytes = Buffer.byteLength(content);
  return bytes > maxBytes
    ? `has ${bytes} bytes, the limit is ${maxBytes}; put it where a URL can name it`
    : undefined;
}

function checkOutput(at: string, output: Draft<TesOutput>, faults: Faults): void {
  const { url, path, path_prefix: prefix } = output;
  checkTexts(at, { name: output.name, description: output.description }, faults);
  if (url !== undefined) faults.add(at, 'url', urlProblem(url));
  if (path !== undefined) faults.add(at, 'path', placeProblem(path));
  const prefixProblem = prefix === undefined ? undefined : pathProblem(prefix);
  faults.add(
    at,
    'path_prefix',
    prefixProblem ?? (path === undefined ? undefined : wildcardProblem(path, prefix)),
  );
}

/** Keys are case-insensitive, so that two which differ in case alone are one key with two values. */
function checkParameters(parameters: Draft<Record<string, string>>, faults: Faults): void {
  const at = '/resources/backend_parameters';
  const seen = new Map<string, string>();
  for (const key of Object.keys(parameters)) {
    const first = seen.get(key.toLowerCase());
    seen.set(key.toLowerCase(), key);
    faults.add(
      at,
      key,
      first === undefined ? undefined : `is the same key as ${shown(first)}: keys are case-insensitive`,
    );
  }
  checkTexts(at, parameters, faults);
}

function checkTexts(at: string, texts: Draft<Record<string, string | undefined>>, faults: Faults): void {
  for (const [key, text] of Object.entries(texts)) {
    if (text !== undefined) faults.add(at, key, textProblem(key) ?? textProblem(text));
  }
}
