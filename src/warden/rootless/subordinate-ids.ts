/** Ids of the host that a user may give to others in its user namespaces. */
export interface IdRange {
  readonly first: number;
  readonly count: number;
}

/** Part of an id map: what is `inside`+n in the namespace is `outside`+n on the host. */
export interface IdMapping {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

/**
 * The ranges of a user in the text of /etc/subuid or /etc/subgid, where lines go by its name or its number. Lines that make
 * no sense are passed over, as newuidmap(1) does. Source: subuid(5). Pure.
 */
export function subordinateIds(
  text: string,
  user: { readonly name: string; readonly uid: number },
): readonly IdRange[] {
  return text.split('\n').flatMap((line) => {
    const [, owner = '', first = '', count = ''] = /^([^:]+):(\d+):(\d+)$/.exec(line.trim()) ?? [];
    const isOwn = owner === user.name || owner === String(user.uid);
    return isOwn && Number(count) > 0 ? [{ first: Number(first), count: Number(count) }] : [];
  });
}

/** The user's own id as root, then the subordinate ones from 1 without a gap. Pure. */
export function idMap(own: number, ranges: readonly IdRange[]): readonly IdMapping[] {
  const map: IdMapping[] = [{ inside: 0, outside: own, count: 1 }];
  let inside = 1;
  for (const { first, count } of ranges) {
    map.push({ inside, outside: first, count });
    inside += count;
  }
  return map;
}

export function idCount(ranges: readonly IdRange[]): number {
  return ranges.reduce((sum, { count }) => sum + count, 0);
}
