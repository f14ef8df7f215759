import { failure } from '../status.ts';

/** In what form a client wants objects. */
export interface ResponseForm {
  readonly as: 'object' | 'table' | 'metadata';
  /** `v1` or `v1beta1` of `meta.k8s.io`. */
  readonly version: string;
}

const plain: ResponseForm = { as: 'object', version: 'v1' };

interface MediaType {
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
}

function parseAccept(accept: string): MediaType[] {
  return accept.split(',').map((part) => {
    const [type = '', ...rest] = part.split(';').map((piece) => piece.trim());
    const parameters: Record<string, string> = {};
    for (const piece of rest) {
      const at = piece.indexOf('=');
      if (at > 0) parameters[piece.slice(0, at)] = piece.slice(at + 1);
    }
    return { type: type.toLowerCase(), parameters };
  });
}

function isJson(type: string): boolean {
  return type === 'application/json' || type === 'application/*' || type === '*/*' || type === '';
}

/** Reads `Accept`; throws `NotAcceptable` where nothing in it is JSON. */
export function responseForm(accept: string | undefined): ResponseForm {
  if (accept === undefined) return plain;
  for (const { type, parameters } of parseAccept(accept)) {
    if (!isJson(type)) continue;
    const { as, v: version = 'v1', g: group } = parameters;
    if (as === undefined) return plain;
    if (group !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1')) continue;
    if (as === 'Table') return { as: 'table', version };
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList')
      return { as: 'metadata', version };
  }
  throw failure(
    406,
    'NotAcceptable',
    'only the following media types are accepted: application/json, application/json;stream=watch',
  );
}

/** The version of aggregated discovery that a client asks for before plain JSON; undefined where it wants the plain form. */
export function aggregatedDiscovery(accept: string | undefined): string | undefined {
  for (const { type, parameters } of parseAccept(accept ?? '')) {
    if (!isJson(type)) continue;
    const { as, g: group, v: version } = parameters;
    if (as === undefined) return undefined;
    if (as === 'APIGroupDiscoveryList' && group === 'apidiscovery.k8s.io') {
      if (version === 'v2' || version === 'v2beta1') return version;
    }
  }
  return undefined;
}
