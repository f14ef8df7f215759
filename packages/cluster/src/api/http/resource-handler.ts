import type { Clock } from '@lateen/core';
import { isJsonObject, type KubeObject, type PatchType } from '@lateen/kube';
import type { RequestContext } from '../registry/request-context.ts';
import type { Selectors } from '../registry/resource-reader.ts';
import type { ResourceService } from '../registry/resource-service.ts';
import type { ServedType } from '../registry/type-registry.ts';
import { methodNotAllowed, noSuchPath, success, unsupportedMediaType } from '../status.ts';
import { handleScale } from '../subresource/scale.ts';
import type { ApiPath } from './api-path.ts';
import { jsonResponse, type ApiRequest, type ApiResponse } from './api-request.ts';
import { contextOf } from './call-context.ts';
import { responseForm } from './negotiation.ts';
import { encodeList, encodeObject, type Encoding } from './object-encoding.ts';
import { mediaType, readDeleteOptions, readObject, type RequestedDeletion } from './read-body.ts';
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
          deletionContext(context, options),
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
        await service.delete(served, namespace, name, options, deletionContext(context, options));
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

function deletionContext(context: RequestContext, options: RequestedDeletion): RequestContext {
  return options.dryRun ? { ...context, dryRun: true } : context;
}
