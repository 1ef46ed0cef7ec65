import { Type } from 'typebox';
import {
  duration,
  durationOrNone,
  flag,
  list,
  path,
  pathBelowData,
  section,
  size,
  sizeOrNone,
  text,
  whole,
} from '../vocabulary.ts';

const LOCATION = { pattern: '^[a-z0-9.\\[\\]:-]+(/[a-z0-9._/-]+)?$' };

export const imagesSection = section('Where images come from, and how long they stay.', {
  layouts: list(
    'Folders that are, or hold, OCI image layouts; looked at in this order, before registries. One that is missing holds nothing.',
    path('A folder.'),
    ['./images'],
  ),
  store: pathBelowData('Fetched and unpacked images. Mode 0700.', 'images'),
  registries: list(
    'Settings of registries, or of parts of one. One that is not listed is asked by TLS.',
    section('One registry.', {
      prefix: text(
        'Of the references that this is about: `docker.io`, `quay.io/biocontainers`, `localhost:5000`. The longest that fits counts.',
        undefined,
        LOCATION,
      ),
      location: Type.Optional(
        text('Takes the place of the prefix when the registry is asked.', undefined, LOCATION),
      ),
      mirrors: list(
        'Asked first, in this order.',
        section('One mirror.', {
          location: text('Host, with a path where repositories lie below one.', undefined, LOCATION),
          plain_http: flag('Speak HTTP without TLS to this mirror.', false),
          ca_file: Type.Optional(
            path('Certificates (PEM) of the authorities that are trusted for this mirror.'),
          ),
        }),
      ),
      plain_http: flag('Speak HTTP without TLS to this registry.', false),
      ca_file: Type.Optional(
        path('Certificates (PEM) of the authorities that are trusted for this registry.'),
      ),
    }),
  ),
  only_listed_registries: flag(
    'Refuse images of registries that are not listed in `images.registries`.',
    false,
  ),
  auth_file: Type.Optional(path('Credentials for all registries, in the form of `containers-auth.json(5)`.')),
  image_bytes: size('Bytes that one image may unpack to.', '100GiB'),
  image_files: whole('Files that one image may unpack to.', 5_000_000, { minimum: 1 }),
  request_timeout: duration('Time for a registry to answer with a manifest.', '30s'),
  stall_timeout: duration('A pull in which nothing arrives for so long has failed.', '60s'),
  max_size: sizeOrNone(
    'Bytes of unpacked images that are kept; the longest unused are removed first, those in use never.',
    '50GiB',
  ),
  max_age: durationOrNone('An image that was not used for so long is removed.', '30d'),
});
