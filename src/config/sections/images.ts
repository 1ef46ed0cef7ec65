import { Type } from 'typebox';
import { durationOrNone, flag, list, path, pathBelowData, section, sizeOrNone, text } from '../vocabulary.ts';

const HOST = { pattern: '^[A-Za-z0-9.-]+(:[0-9]{1,5})?$' };

export const imagesSection = section('Where images come from, and how long they stay.', {
  layouts: list(
    'Folders that are, or hold, OCI image layouts; looked at in this order, before registries. One that is missing holds nothing.',
    path('A folder.'),
    ['./images'],
  ),
  store: pathBelowData('Fetched and unpacked images. Mode 0700.', 'images'),
  registries: list(
    'Settings of single registries. One that is not listed is used by TLS, without credentials but those of `images.auth_file`.',
    section('One registry.', {
      host: text(
        'Host, and port where it is not the usual one, as it stands in references.',
        undefined,
        HOST,
      ),
      mirrors: list(
        'Hosts that are asked first, in this order, for the same repositories.',
        text('A host.', undefined, HOST),
      ),
      rewrite: Type.Optional(
        text(
          'Host, with a path where repositories lie below one, that is asked in place of this one, always.',
          undefined,
          {
            pattern: '^[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[a-z0-9._/-]+)?$',
          },
        ),
      ),
      plain_http: flag('Speak HTTP without TLS to this registry and its mirrors.', false),
      ca_file: Type.Optional(
        path('Certificates (PEM) of the authorities that are trusted for this registry.'),
      ),
      auth_file: Type.Optional(
        path('Credentials for this registry, in the form of `containers-auth.json(5)`.'),
      ),
    }),
  ),
  auth_file: Type.Optional(path('Credentials for all registries, in the form of `containers-auth.json(5)`.')),
  max_size: sizeOrNone(
    'Bytes of unpacked images that are kept; the longest unused are removed first, those in use never.',
    '50GiB',
  ),
  max_age: durationOrNone('An image that was not used for so long is removed.', '30d'),
});
