/**
 * Whether a text is of the form of a pattern, in which `*` stands for any characters, or none; everything else is itself,
 * in the same case. Takes time in proportion to the text, whoever chose it.
 */
export function isLike(text: string, pattern: string): boolean {
  const [first = '', ...others] = pattern.split('*');
  const last = others.pop();
  if (last === undefined) return text === pattern;
  if (!text.startsWith(first)) return false;
  let from = first.length;
  for (const part of others) {
    // The leftmost place leaves the most for what follows.
    const found = text.indexOf(part, from);
    if (found === -1) return false;
    from = found + part.length;
  }
  return text.length - last.length >= from && text.endsWith(last);
}

/** The same for names in parts with slashes between: `*` stays within a part, and a part `**` stands for any parts, or none. */
export function isPathLike(path: string, pattern: string): boolean {
  return arePartsLike(path.split('/'), pattern.split('/'));
}

function arePartsLike(parts: readonly string[], patterns: readonly string[]): boolean {
  const [pattern, ...patternsAfter] = patterns;
  if (pattern === undefined) return parts.length === 0;
  if (pattern === '**') {
    if (patternsAfter[0] === '**') return arePartsLike(parts, patternsAfter);
    return [...parts, ''].some((_part, skipped) => arePartsLike(parts.slice(skipped), patternsAfter));
  }
  const [part, ...partsAfter] = parts;
  return part !== undefined && isLike(part, pattern) && arePartsLike(partsAfter, patternsAfter);
}
