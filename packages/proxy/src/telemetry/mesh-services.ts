import type { Cluster } from '../model/cluster.ts';

/** Everything about the service that is one label set: made once for a cluster or a host name. */
export interface Service {
  readonly host: string;
  readonly name: string;
  readonly namespace: string;
}

export const unknownService: Service = { host: 'unknown', name: 'unknown', namespace: 'unknown' };

/** What Istio calls requests for services that it does not know, by the names of its routes for them. */
const nameOfRoute: Readonly<Record<string, string>> = {
  block_all: 'BlackHoleCluster',
  allow_any: 'PassthroughCluster',
};

const maxServices = 2_000;

/** The services that metrics name: the same object for the same labels. */
export class MeshServices {
  readonly #ofCluster = new WeakMap<Cluster, Service>();
  #lastCluster: Cluster | undefined;
  #lastService: Service = unknownService;
  readonly #services = new Map<string, Service>();

  /**
   * The service of a cluster, from its metadata. Without a cluster, and of a passthrough cluster, it is whatever was
   * asked for (`authority`; empty where that is not to count).
   */
  of(cluster: Cluster | undefined, authority: string, info?: { readonly routeName: string }): Service {
    if (cluster === undefined) {
      const name = nameOfRoute[info?.routeName ?? ''] ?? authority;
      return name === '' ? unknownService : this.#service(authority || 'unknown', name, 'unknown');
    }
    // One request after the other is for the same service.
    if (cluster === this.#lastCluster) return this.#lastService;
    const known = this.#ofCluster.get(cluster);
    if (known !== undefined) {
      this.#lastCluster = cluster;
      this.#lastService = known;
      return known;
    }
    const services = cluster.metadata['istio']?.['services'];
    const first = (Array.isArray(services) ? services[0] : undefined) as
      | Readonly<Record<string, unknown>>
      | undefined;
    if (first !== undefined) {
      const text = (key: string): string => (typeof first[key] === 'string' ? first[key] : 'unknown');
      const service = this.#service(text('host'), text('name'), text('namespace'));
      this.#ofCluster.set(cluster, service);
      return service;
    }
    return this.#service(authority === '' ? 'unknown' : authority, cluster.name, 'unknown');
  }

  #service(host: string, name: string, namespace: string): Service {
    const key = `${host} ${name} ${namespace}`;
    let service = this.#services.get(key);
    if (service === undefined) {
      if (this.#services.size >= maxServices) return unknownService;
      service = { host, name, namespace };
      this.#services.set(key, service);
    }
    return service;
  }
}
