import { randomInt } from 'node:crypto';
import type { EndpointSlice, Service, ServicePort, SliceEndpoint, SlicePort } from '@lateen/kube';
import { hasClusterIP } from '@lateen/kube';
import type { Answer, RecordType, SoaAnswer, SrvData } from 'dns-packet';

/** What the zone is made from: the local copies of a few resources. */
export interface ZoneSource {
  service(namespace: string, name: string): Service | undefined;
  services(): readonly Service[];
  /** Slices of a service, by `namespace/name`. */
  slices(key: string): readonly EndpointSlice[];
  /** All slices, to find names by address. */
  allSlices(): readonly EndpointSlice[];
  hasNamespace(name: string): boolean;
}

export interface ZoneOptions {
  readonly source: ZoneSource;
  /** As `cluster.local`. */
  readonly domain: string;
  /** How long answers may be kept, in seconds; default 5. */
  readonly ttlSeconds?: number;
}

/** What the zone says to a question. */
export type ZoneAnswer =
  /** The zone is not responsible: somebody else may know. */
  | { readonly kind: 'elsewhere' }
  | {
      readonly kind: 'found';
      /** May be empty: the name is there, a record of this type is not. */
      readonly answers: readonly Answer[];
      readonly additionals: readonly Answer[];
      /** A name outside the zone that the answer leads on to. */
      readonly leadsTo?: string;
    }
  | { readonly kind: 'missing' };

/** Names and addresses of the cluster, as the Kubernetes DNS specification 1.1 has them. */
export class ClusterZone {
  readonly #source: ZoneSource;
  readonly #domain: string;
  readonly #ttl: number;

  constructor(options: ZoneOptions) {
    this.#source = options.source;
    this.#domain = options.domain.toLowerCase();
    this.#ttl = options.ttlSeconds ?? 5;
  }

  /** Answers a question; `asked` keeps the letters as the client wrote them. */
  answer(asked: string, type: RecordType): ZoneAnswer {
    const name = asked.toLowerCase().replace(/\.$/, '');
    if (name.endsWith('.in-addr.arpa')) return this.#reverse(asked, name, type);
    if (name === this.#domain) return this.#apex(asked, type);
    if (!name.endsWith(`.${this.#domain}`)) return { kind: 'elsewhere' };
    const labels = name.slice(0, -this.#domain.length - 1).split('.');
    const branch = labels.pop();
    if (branch === 'svc') return this.#serviceBranch(asked, labels, type);
    if (branch === 'pod') return this.#podBranch(asked, labels, type);
    if (branch === 'dns-version' && labels.length === 0) {
      const record: Answer = { name: asked, type: 'TXT', ttl: this.#ttl, data: '1.1.0' };
      return found(type === 'TXT' ? [record] : []);
    }
    return { kind: 'missing' };
  }

  /** The record that says for how long an absence may be remembered. */
  startOfAuthority(): SoaAnswer {
    return {
      name: this.#domain,
      type: 'SOA',
      ttl: this.#ttl,
      data: {
        mname: `ns.dns.${this.#domain}`,
        rname: `hostmaster.${this.#domain}`,
        serial: 1,
        refresh: 7200,
        retry: 1800,
        expire: 86_400,
        minimum: this.#ttl,
      },
    };
  }

  #apex(asked: string, type: RecordType): ZoneAnswer {
    if (type === 'SOA') return found([{ ...this.startOfAuthority(), name: asked }]);
    if (type === 'NS') {
      return found([{ name: asked, type: 'NS', ttl: this.#ttl, data: `ns.dns.${this.#domain}` }]);
    }
    return found([]);
  }

  #serviceBranch(asked: string, labels: string[], type: RecordType): ZoneAnswer {
    const namespace = labels.pop();
    if (namespace === undefined) return found([]);
    const serviceName = labels.pop();
    if (serviceName === undefined) {
      return this.#source.hasNamespace(namespace) ? found([]) : { kind: 'missing' };
    }
    const service = this.#source.service(namespace, serviceName);
    if (service === undefined) return { kind: 'missing' };
    if (labels.length === 0) return this.#wholeService(asked, service, type);
    if (labels.length === 2 && labels.every((label) => label.startsWith('_'))) {
      const [port = '', protocol = ''] = labels;
      return this.#servicePort(asked, service, port.slice(1), protocol.slice(1), type);
    }
    return labels.length === 1
      ? this.#oneEndpoint(asked, service, labels[0] ?? '', type)
      : { kind: 'missing' };
  }

  #wholeService(asked: string, service: Service, type: RecordType): ZoneAnswer {
    const { externalName, clusterIP = '' } = service.spec;
    if (service.spec.type === 'ExternalName') return this.#external(asked, externalName ?? '', type);
    if (type === 'SRV') return this.#portRecords(asked, service, service.spec.ports ?? []);
    if (hasClusterIP(service)) return found(isAddressType(type) ? [this.#address(asked, clusterIP)] : []);
    const endpoints = this.#readyEndpoints(service);
    // A headless service without a ready endpoint has no records at all.
    if (endpoints.length === 0) return { kind: 'missing' };
    if (!isAddressType(type)) return found([]);
    return found(shuffled(endpoints.map(({ ip }) => this.#address(asked, ip))));
  }

  #external(asked: string, target: string, type: RecordType): ZoneAnswer {
    if (target === '') return { kind: 'missing' };
    const alias: Answer = { name: asked, type: 'CNAME', ttl: this.#ttl, data: target };
    if (type === 'CNAME') return found([alias]);
    const name = target.toLowerCase().replace(/\.$/, '');
    const inside = name.endsWith(`.${this.#domain}`) && name !== asked.toLowerCase();
    if (!inside) return { kind: 'found', answers: [alias], additionals: [], leadsTo: name };
    const next = this.answer(target, type);
    return found([alias, ...(next.kind === 'found' ? next.answers : [])]);
  }

  #servicePort(
    asked: string,
    service: Service,
    port: string,
    protocol: string,
    type: RecordType,
  ): ZoneAnswer {
    const ports = (service.spec.ports ?? []).filter(
      (candidate) =>
        (candidate.name ?? '') === port && (candidate.protocol ?? 'TCP').toLowerCase() === protocol,
    );
    if (ports.length === 0) return { kind: 'missing' };
    return type === 'SRV' ? this.#portRecords(asked, service, ports) : found([]);
  }

  /** SRV records of some ports, with the addresses of their targets beside them. */
  #portRecords(asked: string, service: Service, ports: readonly ServicePort[]): ZoneAnswer {
    const answers: Answer[] = [];
    const additionals = new Map<string, Answer>();
    const add = (target: string, port: number, ip: string, weight: number): void => {
      const data: SrvData = { priority: 0, weight, port, target };
      answers.push({ name: asked, type: 'SRV', ttl: this.#ttl, data });
      additionals.set(`${target} ${ip}`, this.#address(target, ip));
    };
    const own = this.#nameOf(service);
    if (hasClusterIP(service)) {
      for (const { port } of ports) add(own, port, service.spec.clusterIP ?? '', 100);
    } else {
      const endpoints = this.#readyEndpoints(service);
      const weight = Math.max(1, Math.floor(100 / Math.max(1, endpoints.length)));
      for (const { name = '' } of ports) {
        for (const endpoint of endpoints) {
          const port = endpoint.ports.find((candidate) => (candidate.name ?? '') === name)?.port;
          if (port !== undefined) add(`${endpoint.label}.${own}`, port, endpoint.ip, weight);
        }
      }
    }
    return answers.length === 0
      ? { kind: 'missing' }
      : { kind: 'found', answers, additionals: [...additionals.values()] };
  }

  #oneEndpoint(asked: string, service: Service, label: string, type: RecordType): ZoneAnswer {
    const addresses = this.#readyEndpoints(service).filter((endpoint) => endpoint.label === label);
    if (addresses.length === 0) return { kind: 'missing' };
    return found(isAddressType(type) ? addresses.map(({ ip }) => this.#address(asked, ip)) : []);
  }

  #podBranch(asked: string, labels: string[], type: RecordType): ZoneAnswer {
    const namespace = labels.pop();
    if (namespace === undefined) return found([]);
    if (!this.#source.hasNamespace(namespace)) return { kind: 'missing' };
    if (labels.length === 0) return found([]);
    const ip = (labels[0] ?? '').replaceAll('-', '.');
    if (labels.length !== 1 || !isIPv4(ip)) return { kind: 'missing' };
    return found(isAddressType(type) ? [this.#address(asked, ip)] : []);
  }

  #reverse(asked: string, name: string, type: RecordType): ZoneAnswer {
    const ip = name.slice(0, -'.in-addr.arpa'.length).split('.').toReversed().join('.');
    const targets = isIPv4(ip) ? this.#namesOf(ip) : [];
    if (targets.length === 0) return { kind: 'elsewhere' };
    if (type !== 'PTR') return found([]);
    return found(targets.map((data) => ({ name: asked, type: 'PTR', ttl: this.#ttl, data })));
  }

  #namesOf(ip: string): string[] {
    for (const service of this.#source.services()) {
      if (hasClusterIP(service) && service.spec.clusterIP === ip) return [this.#nameOf(service)];
    }
    const names = new Set<string>();
    for (const slice of this.#source.allSlices()) {
      const serviceName = slice.metadata.labels?.['kubernetes.io/service-name'];
      for (const endpoint of slice.endpoints ?? []) {
        if (serviceName === undefined || !endpoint.addresses.includes(ip)) continue;
        names.add(`${labelOf(endpoint, ip)}.${serviceName}.${slice.metadata.namespace}.svc.${this.#domain}`);
      }
    }
    return [...names];
  }

  #readyEndpoints(service: Service): ReadyEndpoint[] {
    const found = new Map<string, ReadyEndpoint>();
    for (const slice of this.#source.slices(`${service.metadata.namespace}/${service.metadata.name}`)) {
      if (slice.addressType !== 'IPv4') continue;
      for (const endpoint of slice.endpoints ?? []) {
        if (endpoint.conditions?.ready === false) continue;
        for (const ip of endpoint.addresses) {
          const ports = [...(found.get(ip)?.ports ?? []), ...(slice.ports ?? [])];
          found.set(ip, { ip, label: labelOf(endpoint, ip), ports });
        }
      }
    }
    return [...found.values()];
  }

  #nameOf(service: Service): string {
    return `${service.metadata.name}.${service.metadata.namespace}.svc.${this.#domain}`;
  }

  #address(name: string, ip: string): Answer {
    return { name, type: 'A', ttl: this.#ttl, data: ip };
  }
}

interface ReadyEndpoint {
  readonly ip: string;
  /** Its first label below the service's name. */
  readonly label: string;
  readonly ports: readonly SlicePort[];
}

function labelOf(endpoint: SliceEndpoint, ip: string): string {
  return endpoint.hostname ?? ip.replaceAll('.', '-');
}

function found(answers: readonly Answer[]): ZoneAnswer {
  return { kind: 'found', answers, additionals: [] };
}

/** Types that are answered with addresses; the cluster has IPv4 only. */
function isAddressType(type: RecordType): boolean {
  return type === 'A' || (type as string) === 'ANY';
}

function isIPv4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256);
}

/** In random order, so that clients that take the first address spread over all. */
function shuffled(answers: Answer[]): Answer[] {
  for (let i = answers.length - 1; i > 0; i--) {
    const j = randomInt(i + 1);
    const [a, b] = [answers[i], answers[j]];
    if (a !== undefined && b !== undefined) [answers[i], answers[j]] = [b, a];
  }
  return answers;
}
