import type { Clock } from '@lateen/core';
import { isJsonObject, type KubeObject, type PatchType } from '@lateen/kube';
import { duplicateKeys } from '../schema/duplicate-keys.ts';
import type { DeleteOptions } from '../registry/deletion.ts';
import type { FieldValidation, RequestContext } from '../registry/request-context.ts';
import type { Selectors } from '../registry/resource-reader.ts';
import type { ResourceService } from '../registry/resource-service.ts';
import type { ServedType } from '../registry/type-registry.ts';
import {
  badRequest,
  failure,
  methodNotAllowed,
  noSuchPath,
  success,
  unsupportedMediaType,
} from '../status.ts';
import { handleScale } from '../subresource/scale.ts';
import type { ApiPath } from './api-path.ts';
import { jsonResponse, type ApiRequest, type ApiResponse } from './api-request.ts';
import { responseForm } from './negotiation.ts';
import { encodeList, encodeObject, type Encoding } from './object-encoding.ts';
import { openWatch } from './watch-stream.ts';

export type ResourcePath = Extract<ApiPath, { kind: 'resource' }>;

/** A call on a resource whose path is known, with what every call has. */
export interface ResourceCall {
  readonly request: ApiRequest;
  readonly path: ResourcePath;
  readonly context: RequestContext;
  readonly warnings: string[];
}

/** Answers calls on one subresource. */
export type SubresourceHandler = (call: ResourceCall) => Promise<ApiResponse>;

export interface ResourceHandlerOptions {
  readonly service: ResourceService;
  readonly clock: Clock;
  /** By `GROUP/PLURAL/SUBRESOURCE`, or `GROUP/PLURAL/` for kinds that are not stored. */
  readonly special: ReadonlyMap<string, SubresourceHandler>;
}

const patchTypes: Readonly<Record<string, PatchType>> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic-merge',
  'application/apply-patch+yaml': 'apply',
};

const maxWatchMs = 3_600_000;
const defaultWatchMs = 1_800_000;

/** Answers the calls on resources: the verbs of the API over {@link ResourceService}. */
export class ResourceHandler {
  readonly #options: ResourceHandlerOptions;

  constructor(options: ResourceHandlerOptions) {
    this.#options = options;
  }

  async handle(request: ApiRequest, path: ResourcePath): Promise<ApiResponse> {
    const warnings: string[] = [];
    const context = contextOf(request, warnings);
    const { type, version } = path.served;
    const call = { request, path, context, warnings };
    const special = this.#options.special.get(`${type.group}/${type.plural}/${path.subresource}`);
    if (special !== undefined) return special(call);
    const { scale } = version.subresources;
    if (path.subresource === 'scale' && scale !== undefined) {
      return handleScale(call, this.#options.service, scale);
    }
    if (path.subresource !== '' && path.subresource !== 'status') throw noSuchPath();
    if (path.subresource === 'status' && !version.subresources.status) throw noSuchPath();
    if (version.deprecation !== undefined && request.method === 'GET') warnings.push(version.deprecation);
    return path.name === '' ? this.#collection(call) : this.#object(call);
  }

  async #collection(call: ResourceCall): Promise<ApiResponse> {
    const { request, path, context, warnings } = call;
    const { served, namespace } = path;
    const { service } = this.#options;
    switch (request.method) {
      case 'GET':
        return isWatch(request) ? this.#watch(call, selectorsOf(call)) : this.#list(call);
      case 'POST': {
        const [body, duplicateFields] = await readObject(request, context);
        const target = isJsonObject(body) ? body : {};
        const created = await service.create(served, namespace, target as KubeObject, {
          ...context,
          duplicateFields,
        });
        return jsonResponse(201, encodeObject(served, created, this.#encoding(request)), warnings);
      }
      case 'DELETE':
        return this.#deleteCollection(call);
      default:
        throw methodNotAllowed();
    }
  }

  async #object(call: ResourceCall): Promise<ApiResponse> {
    const { request, path, context, warnings } = call;
    const { served, namespace, name, subresource } = path;
    const { service } = this.#options;
    const encoding = this.#encoding(request);
    switch (request.method) {
      case 'GET': {
        if (isWatch(request)) {
          return this.#watch(call, { namespace, fieldSelector: `metadata.name=${name}` });
        }
        const object = await service.get(served, namespace, name);
        return jsonResponse(200, encodeObject(served, object, encoding), warnings);
      }
      case 'PUT': {
        const [body, duplicateFields] = await readObject(request, context);
        const wanted = (isJsonObject(body) ? body : {}) as KubeObject;
        const options = { ...context, duplicateFields };
        const updated = await service.update(served, namespace, name, wanted, options, subresource);
        return jsonResponse(200, encodeObject(served, updated, encoding), warnings);
      }
      case 'PATCH': {
        const type = patchTypes[mediaType(request)];
        if (type === undefined) throw unsupportedMediaType(mediaType(request), Object.keys(patchTypes));
        const [patch, duplicateFields] = await readObject(request, context);
        const force = request.query.get('force') === 'true';
        const options = { ...context, duplicateFields };
        const body = { type, patch, force };
        const before = type === 'apply' ? await this.#exists(served, namespace, name) : true;
        const patched = await service.patch(served, namespace, name, body, options, subresource);
        return jsonResponse(before ? 200 : 201, encodeObject(served, patched, encoding), warnings);
      }
      case 'DELETE': {
        const options = await readDeleteOptions(request);
        const { object, gone } = await service.delete(
          served,
          namespace,
          name,
          options,
          deletion(context, options),
        );
        if (!gone || served.type.kind === 'Pod') {
          return jsonResponse(200, encodeObject(served, object, encoding), warnings);
        }
        return jsonResponse(200, success(served.type, name, object.metadata.uid), warnings);
      }
      default:
        throw methodNotAllowed();
    }
  }

  async #exists(served: ServedType, namespace: string, name: string): Promise<boolean> {
    return this.#options.service.get(served, namespace, name).then(
      () => true,
      () => false,
    );
  }

  async #list(call: ResourceCall): Promise<ApiResponse> {
    const { request, path, warnings } = call;
    const { query } = request;
    const limit = query.get('limit');
    const page = await this.#options.service.list(path.served, selectorsOf(call), {
      limit: limit === null ? undefined : Number(limit),
      continueToken: query.get('continue') ?? undefined,
      resourceVersion: query.get('resourceVersion') ?? undefined,
      resourceVersionMatch: query.get('resourceVersionMatch') ?? undefined,
    });
    return jsonResponse(200, encodeList(path.served, page, this.#encoding(request)), warnings);
  }

  async #watch(call: ResourceCall, selectors: Selectors): Promise<ApiResponse> {
    const { request, path, warnings } = call;
    const { query } = request;
    const seconds = Number(query.get('timeoutSeconds') ?? 0);
    const { form, includeObject } = this.#encoding(request);
    const run = await openWatch(this.#options.service, this.#options.clock, {
      served: path.served,
      selectors,
      resourceVersion: query.get('resourceVersion') ?? '',
      sendInitialEvents: query.get('sendInitialEvents') === 'true',
      allowBookmarks: query.get('allowWatchBookmarks') === 'true',
      timeoutMs: Math.min(seconds > 0 ? seconds * 1000 : defaultWatchMs, maxWatchMs),
      form,
      includeObject,
    });
    const headers = { 'content-type': 'application/json' };
    return { kind: 'stream', status: 200, headers, run, warnings };
  }

  async #deleteCollection(call: ResourceCall): Promise<ApiResponse> {
    const { request, path, context, warnings } = call;
    const { served } = path;
    const { service } = this.#options;
    const options = await readDeleteOptions(request);
    const page = await service.list(served, selectorsOf(call));
    for (const { metadata } of page.items) {
      try {
        const { namespace = '', name } = metadata;
        await service.delete(served, namespace, name, options, deletion(context, options));
      } catch (error) {
        if (!(error instanceof Error) || !error.message.endsWith('not found')) throw error;
      }
    }
    return jsonResponse(200, encodeList(served, page, this.#encoding(request)), warnings);
  }

  #encoding(request: ApiRequest): Encoding {
    const include = request.query.get('includeObject');
    return {
      form: responseForm(request.headers.accept),
      includeObject: include === 'None' || include === 'Object' ? include : 'Metadata',
      nowMs: this.#options.clock.now(),
    };
  }
}

function isWatch(request: ApiRequest): boolean {
  const text = request.query.get('watch');
  return text === 'true' || text === '1';
}

function selectorsOf(call: ResourceCall): Selectors {
  const { query } = call.request;
  return {
    namespace: call.path.namespace,
    labelSelector: query.get('labelSelector') ?? undefined,
    fieldSelector: query.get('fieldSelector') ?? undefined,
  };
}

function contextOf(request: ApiRequest, warnings: string[]): RequestContext {
  const { query, headers, user } = request;
  const agent = (headers['user-agent'] ?? 'unknown').split('/', 1)[0] ?? '';
  const patchIsApply = mediaType(request) === 'application/apply-patch+yaml';
  return {
    user,
    dryRun: isDryRun(query),
    fieldManager: query.get('fieldManager') ?? (patchIsApply ? '' : agent.slice(0, 128)),
    fieldValidation: fieldValidationOf(query.get('fieldValidation')),
    warn: (text) => void (warnings.includes(text) || warnings.push(text)),
  };
}

function isDryRun(query: URLSearchParams): boolean {
  const wishes = query.getAll('dryRun').filter((wish) => wish !== '');
  for (const wish of wishes) {
    if (wish !== 'All') {
      throw failure(
        422,
        'Invalid',
        `invalid dryRun: Unsupported value: ${JSON.stringify(wish)}: supported values: "All"`,
      );
    }
  }
  return wishes.length > 0;
}

function fieldValidationOf(text: string | null): FieldValidation {
  if (text === null || text === '' || text === 'Warn') return 'Warn';
  if (text === 'Strict' || text === 'Ignore') return text;
  throw badRequest(
    `fieldValidation: Unsupported value: ${JSON.stringify(text)}: supported values: "Ignore", "Strict", "Warn"`,
  );
}

function mediaType(request: ApiRequest): string {
  return (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** Reads the body as JSON, or as YAML where it says so, with the fields that its text names twice. */
async function readObject(request: ApiRequest, context: RequestContext): Promise<[unknown, string[]]> {
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

interface RequestedDeletion extends DeleteOptions {
  readonly dryRun: boolean;
}

function deletion(context: RequestContext, options: RequestedDeletion): RequestContext {
  return options.dryRun ? { ...context, dryRun: true } : context;
}

/** `DeleteOptions` come in the body, in the query, or not at all. */
async function readDeleteOptions(request: ApiRequest): Promise<RequestedDeletion> {
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
