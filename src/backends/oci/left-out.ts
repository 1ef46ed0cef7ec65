/** More of them are counted, and not named. */
const MAX_NAMED = 5;

/** One line for all that an input lacks of its source: how many entries, and which came first. Pure. */
export function leftOut(what: string, messages: readonly string[]): string[] {
  const named = messages.slice(0, MAX_NAMED).map((message) => message.replace(/; left out$/, ''));
  const more = messages.length - named.length;
  if (messages.length === 0) return [];
  const count = messages.length === 1 ? '1 entry was' : `${messages.length} entries were`;
  return [`${what}: ${count} left out: ${named.join('; ')}${more > 0 ? `; and ${more} more` : ''}`];
}
