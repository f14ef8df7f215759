import { isJsonObject } from '@lateen/kube';
import type { DeleteOptions } from '../registry/deletion.ts';
import type { RequestContext } from '../registry/request-context.ts';
import { duplicateKeys } from '../schema/duplicate-keys.ts';
import { badRequest, unsupportedMediaType } from '../status.ts';
import type { ApiRequest } from './api-request.ts';

/** The media type of the body, without parameters. */
export function mediaType(request: ApiRequest): string {
  return (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** Reads the body as JSON, or as YAML where it says so, with the fields that its text names twice. */
export async function readObject(request: ApiRequest, context: RequestContext): Promise<[unknown, string[]]> {
  const text = (await request.body()).toString();
  const type = mediaType(request);
  if (type.endsWith('yaml') && !/^\s*[{[]/.test(text)) {
    const { parse } = await import('yaml');
    return [yamlValue(() => parse(text, { uniqueKeys: false }) as unknown), []];
  }
  if (type.includes('protobuf') || type.includes('cbor')) {
    throw unsupportedMediaType(type, ['application/json', 'application/yaml']);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw badRequest(
      `the object provided is unrecognized: couldn't get version/kind; json parse error: ${why}`,
    );
  }
  const wanted = context.fieldValidation !== 'Ignore' && type !== 'application/json-patch+json';
  return [value, wanted ? duplicateKeys(text) : []];
}

function yamlValue(parse: () => unknown): unknown {
  try {
    return parse();
  } catch (error) {
    throw badRequest(`error parsing YAML: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** A wish to delete, as a request states it. */
export interface RequestedDeletion extends DeleteOptions {
  readonly dryRun: boolean;
}

/** `DeleteOptions` come in the body, in the query, or not at all. */
export async function readDeleteOptions(request: ApiRequest): Promise<RequestedDeletion> {
  const { query } = request;
  const text = (await request.body()).toString().trim();
  let body: Record<string, unknown> = {};
  if (text !== '') {
    try {
      const parsed: unknown = JSON.parse(text);
      if (isJsonObject(parsed)) body = parsed;
    } catch {
      throw badRequest('DeleteOptions could not be read: the body is not JSON');
    }
  }
  const grace = body['gracePeriodSeconds'] ?? query.get('gracePeriodSeconds') ?? undefined;
  const preconditions = isJsonObject(body['preconditions']) ? body['preconditions'] : {};
  const orphan = body['orphanDependents'] ?? query.get('orphanDependents') ?? undefined;
  const legacy =
    orphan === undefined ? undefined : orphan === true || orphan === 'true' ? 'Orphan' : 'Background';
  return {
    gracePeriodSeconds: grace === undefined ? undefined : Number(grace),
    propagationPolicy: textOf(body['propagationPolicy']) ?? query.get('propagationPolicy') ?? legacy,
    uid: textOf(preconditions['uid']),
    resourceVersion: textOf(preconditions['resourceVersion']),
    dryRun: Array.isArray(body['dryRun']) && body['dryRun'].includes('All'),
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
