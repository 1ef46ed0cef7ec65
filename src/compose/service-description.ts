import packageFile from '../../package.json' with { type: 'json' };
import type { Config } from '../config/schema.ts';
import type { ServiceDescription } from '../tes/service-info.ts';

/** What the operator wrote about this service, with the program's version where there is none. */
export function serviceDescription({ server: { service_info: info } }: Config): ServiceDescription {
  return {
    id: info.id,
    name: info.name,
    organization: info.organization,
    version: info.version ?? packageFile.version,
    ...(info.description === undefined ? {} : { description: info.description }),
    ...(info.contact_url === undefined ? {} : { contactUrl: info.contact_url }),
    ...(info.documentation_url === undefined ? {} : { documentationUrl: info.documentation_url }),
    ...(info.environment === undefined ? {} : { environment: info.environment }),
    ...(info.created_at === undefined ? {} : { createdAt: info.created_at }),
    ...(info.updated_at === undefined ? {} : { updatedAt: info.updated_at }),
  };
}
