import type { FastifyInstance } from 'fastify';
import { TES_SERVICE_TYPE } from '../tes/service-info.ts';
import type { TesServiceInfo } from '../tes/service-info.ts';
import { identifyIfShown } from './identity.ts';
import { refuseOtherMethods } from './methods.ts';
import { SERVICE_INFO_ROUTE } from './openapi-routes.ts';
import type { HttpServerOptions } from './options.ts';

/**
 * Service-info is for everybody, since clients and registries look at it to find out what a server is. Storage
 * locations, which may be paths of the host, are told to callers that authenticated only.
 */
export function serviceInfoRoutes(app: FastifyInstance, options: HttpServerOptions, hide: boolean): void {
  const forAll: TesServiceInfo = {
    ...options.serviceInfo,
    type: TES_SERVICE_TYPE,
    tesResources_backend_parameters: [...options.parameterKeys],
  };
  const forCallers: TesServiceInfo = { ...forAll, storage: [...options.storageLocations] };

  app.get('/service-info', { schema: { ...SERVICE_INFO_ROUTE, hide } }, async (request) => {
    const caller = await identifyIfShown(request, options.authenticator);
    return caller === undefined ? forAll : forCallers;
  });
  refuseOtherMethods(app, '/service-info', ['GET']);
}
