import {
  cloneJson,
  objectPath,
  patchContentTypes,
  withQuery,
  writeQuery,
  type KubeClient,
  type KubeObject,
  type ListResult,
  type PatchType,
  type Resource,
  type Selection,
  type WatchEvent,
  type WriteOptions,
} from '@lateen/kube';
import type { ApiRequest, ApiResponse } from '../http/api-request.ts';
import type { UserInfo } from '../registry/request-context.ts';
import type { ResourceService } from '../registry/resource-service.ts';
import { failure } from '../status.ts';

export interface LocalClientOptions {
  readonly service: ResourceService;
  readonly user: UserInfo;
  /** Answers what has no method of its own. */
  readonly handle: (request: ApiRequest) => Promise<ApiResponse>;
}

/** The API without HTTP, for parts in the same process: the same rules, each caller with copies of its own. */
export function localClient(options: LocalClientOptions): KubeClient {
  const { service, user } = options;
  const context = (write: WriteOptions | undefined) => ({
    user,
    dryRun: write?.dryRun ?? false,
    fieldManager: write?.fieldManager ?? '',
    fieldValidation: 'Ignore' as const,
    warn: () => {},
  });

  /** Any call, by its path; resolves with the decoded answer. */
  const call = async (method: string, path: string, body: unknown, contentType: string): Promise<unknown> => {
    const [pathname = '', query = ''] = path.split('?', 2);
    const response = await options.handle({
      method,
      path: pathname,
      query: new URLSearchParams(query),
      headers: { 'content-type': contentType, accept: 'application/json' },
      user,
      body: () => Promise.resolve(Buffer.from(body === undefined ? '' : JSON.stringify(body))),
    });
    if (response.kind !== 'whole') {
      throw failure(400, 'BadRequest', `${path} answers with a stream, which raw() does not read`);
    }
    const text = response.body.toString();
    return /json/.test(response.headers['content-type'] ?? '') ? JSON.parse(text) : text;
  };
  return {
    async get<T extends KubeObject>(resource: Resource, namespace: string | undefined, name: string) {
      return own(await service.get(service.served(resource), namespace ?? '', name)) as T;
    },
    async list<T extends KubeObject>(resource: Resource, selection: Selection = {}): Promise<ListResult<T>> {
      const page = await service.list(service.served(resource), {
        namespace: selection.namespace ?? '',
        labelSelector: selection.labelSelector,
        fieldSelector: selection.fieldSelector,
      });
      return { items: page.items.map((item) => own(item) as T), resourceVersion: page.resourceVersion };
    },
    async create<T extends KubeObject>(resource: Resource, object: T, write?: WriteOptions) {
      const namespace = object.metadata.namespace ?? '';
      return own(await service.create(service.served(resource), namespace, own(object), context(write))) as T;
    },
    async update<T extends KubeObject>(resource: Resource, object: T, write?: WriteOptions) {
      const { namespace = '', name } = object.metadata;
      return own(
        await service.update(service.served(resource), namespace, name, own(object), context(write)),
      ) as T;
    },
    async updateStatus<T extends KubeObject>(resource: Resource, object: T, write?: WriteOptions) {
      const { namespace = '', name } = object.metadata;
      const served = service.served(resource);
      return own(await service.update(served, namespace, name, own(object), context(write), 'status')) as T;
    },
    async patch<T extends KubeObject>(
      resource: Resource,
      namespace: string | undefined,
      name: string,
      type: PatchType,
      patch: unknown,
      write?: WriteOptions & { readonly subresource?: string },
    ) {
      const subresource = write?.subresource ?? '';
      if (subresource !== '' && subresource !== 'status') {
        const path = withQuery(objectPath(resource, namespace, name, subresource), writeQuery(write));
        return (await call('PATCH', path, patch, patchContentTypes[type])) as T;
      }
      const body = { type, patch, force: write?.force ?? false };
      const served = service.served(resource);
      return own(await service.patch(served, namespace ?? '', name, body, context(write), subresource)) as T;
    },
    async delete(resource, namespace, name, wish = {}) {
      await service.delete(service.served(resource), namespace ?? '', name, wish, context(undefined));
    },
    watch<T extends KubeObject>(
      resource: Resource,
      selection: Selection & { readonly resourceVersion: string },
      onEvent: (event: WatchEvent<T>) => void,
      signal: AbortSignal,
    ): Promise<void> {
      return new Promise((resolve, reject) => {
        if (signal.aborted) {
          resolve();
          return;
        }
        const selectors = {
          namespace: selection.namespace ?? '',
          labelSelector: selection.labelSelector,
          fieldSelector: selection.fieldSelector,
        };
        try {
          const stop = service.watch(
            service.served(resource),
            selectors,
            selection.resourceVersion,
            (events) => {
              try {
                for (const event of events) {
                  if (signal.aborted) return;
                  onEvent({ type: event.type, object: own(event.object) as T });
                }
              } catch (error) {
                // A fault of this watcher ends its watch, and nobody else's.
                stop();
                reject(error instanceof Error ? error : new Error(String(error)));
              }
            },
            () => resolve(),
          );
          signal.addEventListener('abort', () => (stop(), resolve()), { once: true });
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    },
    raw: (method, path, body) => call(method, path, body, 'application/json'),
  };
}

/** A copy that the caller may change. */
function own(object: KubeObject): KubeObject {
  return cloneJson(object);
}
