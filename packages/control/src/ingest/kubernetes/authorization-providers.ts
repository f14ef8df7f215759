import { durationMs } from '@lateen/config';
import type { AuthorizationProvider } from '../../model/authorization-provider.ts';

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The services that can be asked about requests, of all providers that the mesh configuration names.
 *
 * Providers of other kinds are passed over.
 */
export function authorizationProviders(
  value: unknown,
  complain: (path: string, message: string) => void,
): readonly AuthorizationProvider[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((entry: unknown, i) => {
    if (!isFields(entry)) return [];
    for (const [field, protocol] of [
      ['envoyExtAuthzHttp', 'http'],
      ['envoyExtAuthzGrpc', 'grpc'],
    ] as const) {
      const fields = entry[field];
      if (!isFields(fields)) continue;
      const { name } = entry;
      return decode(typeof name === 'string' ? name : '', protocol, fields, (path, message) =>
        complain(`extensionProviders[${i}].${field}${path}`, message),
      );
    }
    return [];
  });
}

function decode(
  name: string,
  protocol: AuthorizationProvider['protocol'],
  fields: Fields,
  complain: (path: string, message: string) => void,
): AuthorizationProvider {
  const { service, port, timeout, pathPrefix = '', statusOnError, includeRequestBodyInCheck: body } = fields;
  if (typeof service !== 'string' || service === '') complain('.service', 'must name a service');
  if (!Number.isInteger(port) || Number(port) < 1 || Number(port) > 65_535) {
    complain('.port', 'must be a port number');
  }
  const timeoutMs = typeof timeout === 'string' ? durationMs(timeout, undefined) : undefined;
  if (timeout !== undefined && timeoutMs === undefined) complain('.timeout', 'must be a duration such as 5s');
  if (typeof pathPrefix !== 'string' || (pathPrefix !== '' && !pathPrefix.startsWith('/'))) {
    complain('.pathPrefix', 'must begin with /');
  }
  const status = statusOnError === undefined ? undefined : Number(statusOnError);
  if (status !== undefined && !(Number.isInteger(status) && status >= 100 && status <= 599)) {
    complain('.statusOnError', 'must be a status such as "503"');
  }
  const names = (field: string): readonly string[] => {
    const list = fields[field];
    if (list === undefined || list === null) return [];
    if (Array.isArray(list) && list.every((item) => typeof item === 'string')) return list;
    complain(`.${field}`, 'must be a list of headers');
    return [];
  };
  const added = fields['includeAdditionalHeadersInCheck'];
  return {
    name,
    protocol,
    service: String(service),
    port: Number(port),
    timeoutMs,
    pathPrefix: String(pathPrefix),
    failOpen: fields['failOpen'] === true,
    clearRouteCache: fields['clearRouteCache'] === true,
    statusOnError: status,
    // The older name is still taken (Istio, "includeHeadersInCheck").
    includeRequestHeadersInCheck: [
      ...names('includeHeadersInCheck'),
      ...names('includeRequestHeadersInCheck'),
    ],
    includeAdditionalHeadersInCheck: isFields(added)
      ? Object.fromEntries(Object.entries(added).map(([key, text]) => [key, String(text)]))
      : {},
    headersToUpstreamOnAllow: names('headersToUpstreamOnAllow'),
    headersToDownstreamOnAllow: names('headersToDownstreamOnAllow'),
    headersToDownstreamOnDeny: names('headersToDownstreamOnDeny'),
    body: isFields(body)
      ? {
          maxRequestBytes: Number(body['maxRequestBytes'] ?? 0),
          allowPartialMessage: body['allowPartialMessage'] === true,
          packAsBytes: body['packAsBytes'] === true,
        }
      : undefined,
  };
}
