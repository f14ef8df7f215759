import { createHash } from 'node:crypto';
import type { TypeRegistry } from '../registry/type-registry.ts';
import type { Discovery } from './discovery.ts';

/** OpenAPI documents of what is served, for `kubectl explain` and for validation by clients. */
export class OpenApi {
  readonly #types: TypeRegistry;
  readonly #discovery: Discovery;

  constructor(types: TypeRegistry, discovery: Discovery) {
    this.#types = types;
    this.#discovery = discovery;
  }

  /** `/openapi/v2`. */
  async v2(): Promise<unknown> {
    return { swagger: '2.0', info: { title: 'Kubernetes', version: 'v1.32.0' }, paths: {}, definitions: {} };
  }

  /** `/openapi/v3`: where the documents are, with a hash each. */
  async v3Index(): Promise<unknown> {
    const paths: Record<string, unknown> = {};
    for (const { group, versions } of this.#discovery.groups()) {
      for (const { version } of versions) {
        const path = group === '' ? `api/${version}` : `apis/${group}/${version}`;
        const hash = createHash('sha256').update(`${path} ${this.#types.generation}`).digest('hex');
        paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` };
      }
    }
    return { paths };
  }

  /** One document, such as `apis/apps/v1`; undefined where there is none. */
  async v3(_path: string): Promise<unknown> {
    return undefined;
  }
}
