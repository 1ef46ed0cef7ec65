import { BulkheadError } from '../errors.ts';

/** What the site says of a registry, or of a part of one. */
export interface RegistryEntry {
  /** Of the references that it is about: `docker.io`, `quay.io/biocontainers`, `localhost:5000`. The longest wins. */
  readonly prefix: string;
  /** Takes the place of the prefix when the registry is asked: `mirror.example.org:5000/hub`. */
  readonly location?: string;
  /** Asked before the registry itself, in this order. */
  readonly mirrors?: readonly RegistryAddress[];
  /** Speaks HTTP, or TLS with a certificate that nobody checks. Content is held to its digest in either case, names aren't. */
  readonly plainHttp?: boolean;
  /** PEM file of certificates that are trusted for this registry's host in addition to the host's own. */
  readonly caFile?: string;
}

export interface RegistryAddress {
  readonly location: string;
  readonly plainHttp?: boolean;
  readonly caFile?: string;
}

const LOCATION =
  /^(?<host>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?|\[[0-9a-f:.]+\](?::[0-9]{1,5})?)(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/;

/**
 * The file `registries.conf` (format 2) in which skopeo reads all this, and each host that it may ask with its CA file.
 * Source: containers-registries.conf(5). Throws `config`.
 */
export function compileRegistries(entries: readonly RegistryEntry[]): {
  conf: string;
  caFiles: ReadonlyMap<string, string | undefined>;
} {
  const caFiles = new Map<string, string | undefined>();
  const tables = entries.flatMap((entry, index) => {
    const key = `images.registries[${index}]`;
    const location = entry.location ?? entry.prefix;
    hostOf(entry.prefix, `${key}.prefix`);
    noteCa(caFiles, hostOf(location, `${key}.location`), entry.caFile, `${key}.ca_file`);
    const mirrors = (entry.mirrors ?? []).flatMap((mirror, position) => {
      const field = `${key}.mirrors[${position}]`;
      noteCa(caFiles, hostOf(mirror.location, `${field}.location`), mirror.caFile, `${field}.ca_file`);
      return ['[[registry.mirror]]', ...address(mirror.location, mirror.plainHttp)];
    });
    return [
      '[[registry]]',
      `prefix = ${JSON.stringify(entry.prefix)}`,
      ...address(location, entry.plainHttp),
      ...mirrors,
      '',
    ];
  });
  const prefixes = entries.map(({ prefix }) => prefix);
  const twice = prefixes.find((prefix, index) => prefixes.indexOf(prefix) !== index);
  if (twice !== undefined)
    throw new BulkheadError(
      'config',
      `images.registries has the prefix ${JSON.stringify(twice)} twice; join the entries.`,
    );
  return {
    conf: ['unqualified-search-registries = []', 'short-name-mode = "enforcing"', '', ...tables].join('\n'),
    caFiles,
  };
}

/** Whether an entry is about the repository `host/path`. */
export function isListed(entries: readonly RegistryEntry[], repository: string): boolean {
  return entries.some(({ prefix }) => repository === prefix || repository.startsWith(`${prefix}/`));
}

function address(location: string, plainHttp: boolean | undefined): string[] {
  return [`location = ${JSON.stringify(location)}`, `insecure = ${plainHttp === true}`];
}

function hostOf(location: string, key: string): string {
  const host = LOCATION.exec(location)?.groups?.['host'];
  if (host === undefined) {
    throw new BulkheadError(
      'config',
      `${key} is ${JSON.stringify(location)}; it must be HOST[:PORT][/PATH] in lower case, without a scheme.`,
    );
  }
  return host;
}

function noteCa(
  caFiles: Map<string, string | undefined>,
  host: string,
  caFile: string | undefined,
  key: string,
): void {
  const before = caFiles.get(host);
  if (before !== undefined && caFile !== undefined && before !== caFile) {
    throw new BulkheadError(
      'config',
      `${key} is ${JSON.stringify(caFile)}, but ${host} has ${JSON.stringify(before)} already; put both into one file.`,
    );
  }
  caFiles.set(host, caFile ?? before);
}
