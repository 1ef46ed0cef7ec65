import { isIP } from 'node:net';
import { sep } from 'node:path';
import type { Contradiction } from './contradiction.ts';
import { isLoopback } from './loopback.ts';
import { policyContradictions } from './policy-contradictions.ts';
import type { Config } from './schema.ts';

/** What is right key by key, but not together. `isSet` tells whether a key was written rather than a default. */
export function contradictions(config: Config, isSet: (path: string) => boolean): Contradiction[] {
  return [
    ...openDoors(config),
    ...withoutEffect(config, isSet),
    ...exposedData(config),
    ...policyContradictions(config),
    ...sizes(config),
    ...registries(config),
    ...privateAddresses(config),
  ];
}

function openDoors(config: Config): Contradiction[] {
  if (config.auth.mode !== 'none') return [];
  const found: Contradiction[] = [];
  if (!isLoopback(config.server.host)) {
    found.push({
      paths: ['server.host', 'auth.mode'],
      problem: `${config.server.host} is beyond loopback, and auth.mode is none: everybody who reaches it could run tasks. Set auth.mode to basic and add a user with \`bulkhead user add\`, or listen on 127.0.0.1`,
    });
  }
  // A browser on this machine reaches loopback on behalf of any page that it has open.
  if (config.server.cors.origins.includes('*')) {
    found.push({
      paths: ['server.cors.origins', 'auth.mode'],
      problem:
        '* lets every web page that is open on this machine run tasks while auth.mode is none. List the origins, or set auth.mode to basic',
    });
  }
  return found;
}

function withoutEffect(config: Config, isSet: (path: string) => boolean): Contradiction[] {
  if (config.auth.mode !== 'none') return [];
  return ['auth.users_file', 'auth.tokens_file', 'auth.operators'].filter(isSet).map((path) => ({
    paths: [path, 'auth.mode'],
    problem:
      'is set, but auth.mode is none, so nobody would be asked who they are. Set auth.mode to basic, or remove the key',
  }));
}

function exposedData(config: Config): Contradiction[] {
  const found: Contradiction[] = [];
  const seen = new Set<string>();
  for (const [index, root] of config.storage.file.roots.entries()) {
    const path = `storage.file.roots[${index}].path`;
    if (seen.has(root.path)) found.push({ paths: [path], problem: `${root.path} is listed twice` });
    seen.add(root.path);
    if (isWithin(config.data, root.path) || isWithin(root.path, config.data)) {
      found.push({
        paths: [path, 'data', 'storage.file.roots'],
        problem: `${root.path} and the data folder ${config.data} hold one another: tasks could read or change the server's own files. Move one of them`,
      });
    }
  }
  return found;
}

function isWithin(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(outer.endsWith(sep) ? outer : outer + sep);
}

function sizes(config: Config): Contradiction[] {
  const { limits, server } = config;
  const found: Contradiction[] = [];
  if (limits.stdio_text > limits.stdio_bytes) {
    found.push({
      paths: ['limits.stdio_text', 'limits.stdio_bytes'],
      problem: `${limits.stdio_text} bytes are more than limits.stdio_bytes (${limits.stdio_bytes}) stores`,
    });
  }
  if (limits.content_bytes > server.body_limit) {
    found.push({
      paths: ['limits.content_bytes', 'server.body_limit'],
      problem: `${limits.content_bytes} bytes don't fit in a request of server.body_limit (${server.body_limit} bytes)`,
    });
  }
  return found;
}

function registries(config: Config): Contradiction[] {
  const seen = new Set<string>();
  return config.images.registries.flatMap((registry, index) => {
    const found: Contradiction[] = [];
    const path = `images.registries[${index}]`;
    if (seen.has(registry.prefix))
      found.push({ paths: [`${path}.prefix`], problem: `${registry.prefix} is listed twice` });
    seen.add(registry.prefix);
    const addresses = [
      { path, ...registry },
      ...registry.mirrors.map((mirror, at) => ({ path: `${path}.mirrors[${at}]`, ...mirror })),
    ];
    for (const { path: where, plain_http: isPlain, ca_file: certificates } of addresses) {
      if (!isPlain || certificates === undefined) continue;
      found.push({
        paths: [`${where}.ca_file`],
        problem: 'has no use with plain_http: there is no certificate to check. Remove one',
      });
    }
    return found;
  });
}

/** `host:port`, an address, or a range as CIDR. */
function privateAddresses(config: Config): Contradiction[] {
  return config.storage.http.allow_private.flatMap((entry, index) => {
    if (isRange(entry) || isIP(entry) !== 0 || isHostAndPort(entry)) return [];
    return [
      {
        paths: [`storage.http.allow_private[${index}]`, 'storage.http.allow_private'],
        problem: `${entry} is neither host:port, nor an address, nor a range such as 10.0.0.0/8`,
      },
    ];
  });
}

function isRange(entry: string): boolean {
  const [address, bits, more] = entry.split('/');
  const family = isIP(address ?? '');
  return (
    more === undefined && bits !== undefined && family !== 0 && Number(bits) <= (family === 4 ? 32 : 128)
  );
}

function isHostAndPort(entry: string): boolean {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(entry);
  return match !== null && (match[1] === undefined || isIP(match[1]) === 6) && Number(match[3]) <= 65_535;
}
