import { Type } from './schema.ts';
import type { Static } from './schema.ts';

/** What an operator says of a service. Source: GA4GH service-info 1.0.0, `components.schemas.Service`. */
const serviceDescription = {
  id: Type.String({ description: 'Best in reverse domain notation.' }),
  name: Type.String(),
  description: Type.Optional(Type.String()),
  organization: Type.Object({ name: Type.String(), url: Type.String({ format: 'uri' }) }),
  contactUrl: Type.Optional(Type.String({ format: 'uri' })),
  documentationUrl: Type.Optional(Type.String({ format: 'uri' })),
  createdAt: Type.Optional(Type.String({ format: 'date-time' })),
  updatedAt: Type.Optional(Type.String({ format: 'date-time' })),
  environment: Type.Optional(Type.String()),
  version: Type.String({ description: 'Of the service, not of the API.' }),
};

export type ServiceDescription = Static<ReturnType<typeof describedService>>;

export const tesServiceType = Type.Object(
  { group: Type.String(), artifact: Type.Enum(['tes'], { type: 'string' }), version: Type.String() },
  { $id: 'tesServiceType' },
);

export const tesServiceInfo = Type.Object(
  {
    ...serviceDescription,
    type: tesServiceType,
    storage: Type.Optional(
      Type.Array(Type.String(), {
        description: 'Locations that tasks may use; only told to callers that authenticated.',
      }),
    ),
    tesResources_backend_parameters: Type.Optional(
      Type.Array(Type.String(), { description: 'Keys of backend parameters that are supported.' }),
    ),
  },
  { $id: 'tesServiceInfo' },
);

export type TesServiceInfo = Static<typeof tesServiceInfo>;

/** The API that is served; group and artifact are GA4GH's names for it. */
export const TES_SERVICE_TYPE: TesServiceInfo['type'] = {
  group: 'org.ga4gh',
  artifact: 'tes',
  version: '1.1.0',
};

function describedService() {
  return Type.Object(serviceDescription);
}
