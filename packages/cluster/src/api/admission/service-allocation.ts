import type { JsonObject, KubeObject } from '@lateen/kube';
import { filledObject, objectIn, objectsIn, textIn } from '../builtin/default-fields.ts';
import { invalidValue } from '../field-error.ts';
import type { ObjectStore } from '../registry/object-store.ts';
import type { TypeRegistry } from '../registry/type-registry.ts';
import { failure, invalid } from '../status.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';
import { NumberPool } from './number-pool.ts';

const firstNodePort = 30_000;
const lastNodePort = 32_767;
const reservedNodePorts = 86;
const reservedAddresses = 256;

/** Gives Services their cluster addresses and node ports, and takes back those of Services that go. */
export class ServiceAllocation implements AdmissionPlugin {
  readonly name = 'ServiceAllocation';
  readonly #base: number;
  readonly #addresses: NumberPool;
  readonly #ports = new NumberPool(lastNodePort - firstNodePort + 1, reservedNodePorts);
  readonly #cidr: string;
  #stop = (): void => {};

  constructor(serviceCidr: string) {
    const [network = '', bits = ''] = serviceCidr.split('/');
    this.#cidr = serviceCidr;
    this.#base = addressNumber(network);
    // Neither the network's own address nor the broadcast address.
    const size = 2 ** (32 - Number(bits));
    this.#addresses = new NumberPool(size - 1, Math.min(reservedAddresses, size / 16));
    this.#addresses.take(0, 'the network');
  }

  /** Takes what the stored Services have, and follows them. */
  async start(objects: ObjectStore, types: TypeRegistry): Promise<void> {
    const services = types.findPlural('', 'services');
    if (services === undefined) return;
    const { items, revision } = await objects.list(services, '');
    for (const { object } of items) this.#take(object);
    this.#stop = objects.watch(services, '', revision, (events) => {
      for (const { type, object, previous } of events) {
        if (previous !== undefined) this.#give(previous, type === 'DELETED' ? undefined : object);
      }
    });
  }

  close(): void {
    this.#stop();
  }

  mutate(request: AdmissionRequest): void {
    const { object, old, operation } = request;
    if (!isService(request) || object === undefined || operation === 'DELETE') return;
    const spec = filledObject(object, 'spec');
    if (old !== undefined) keepNumbers(spec, objectIn(old, 'spec') ?? {});
    this.#allocateAddress(request, object, spec);
    this.#allocatePorts(request, object, spec);
  }

  release({ object, old, type }: AdmissionRequest): void {
    if (type.plural === 'services' && type.group === '' && object !== undefined) this.#give(object, old);
  }

  #allocateAddress(request: AdmissionRequest, object: KubeObject, spec: JsonObject): void {
    if (textIn(spec, 'type') === 'ExternalName') return;
    const wanted = textIn(spec, 'clusterIP') || firstText(spec['clusterIPs']);
    if (wanted === 'None') {
      spec['clusterIP'] = 'None';
      spec['clusterIPs'] = ['None'];
      return;
    }
    const owner = ownerOf(object);
    let address = wanted;
    if (wanted === '') {
      const number = this.#addresses.takeAny(owner);
      if (number === undefined) throw this.#refused(request, wanted, 'failed to allocate IP: range is full');
      address = addressText(this.#base + number);
    } else {
      const number = addressNumber(wanted) - this.#base;
      if (!this.#addresses.holds(number)) {
        const why = `failed to allocate IP ${wanted}: the provided IP (${wanted}) is not in the valid range. The range of valid IPs is ${this.#cidr}`;
        throw this.#refused(request, wanted, why);
      }
      if (!this.#addresses.take(number, owner)) {
        const why = `failed to allocate IP ${wanted}: provided IP is already allocated`;
        throw this.#refused(request, wanted, why);
      }
    }
    spec['clusterIP'] = address;
    spec['clusterIPs'] = [address];
  }

  #refused(request: AdmissionRequest, address: string, why: string): Error {
    return invalid(request.type, request.name, [invalidValue('spec.clusterIPs', [address], why)]);
  }

  #allocatePorts(request: AdmissionRequest, object: KubeObject, spec: JsonObject): void {
    const type = textIn(spec, 'type');
    const wantsPorts =
      type === 'NodePort' || (type === 'LoadBalancer' && spec['allocateLoadBalancerNodePorts'] !== false);
    if (!wantsPorts) return;
    const owner = ownerOf(object);
    // Ports of different protocols may share a number, which one Service often asks for.
    for (const [index, port] of objectsIn(spec, 'ports').entries()) {
      const { nodePort } = port;
      const path = `spec.ports[${index}].nodePort`;
      if (typeof nodePort !== 'number' || nodePort === 0) {
        const number = this.#ports.takeAny(owner);
        if (number === undefined)
          throw failure(500, 'InternalError', 'failed to allocate a nodePort: range is full');
        port['nodePort'] = firstNodePort + number;
        continue;
      }
      const number = nodePort - firstNodePort;
      let why = '';
      if (!this.#ports.holds(number)) {
        why = `provided port is not in the valid range. The range of valid ports is ${firstNodePort}-${lastNodePort}`;
      } else if (!this.#ports.take(number, owner)) why = 'provided port is already allocated';
      if (why !== '') throw invalid(request.type, request.name, [invalidValue(path, nodePort, why)]);
    }
  }

  #take(object: KubeObject): void {
    const owner = ownerOf(object);
    for (const number of this.#addressesOf(object)) this.#addresses.take(number, owner);
    for (const number of portsOf(object)) this.#ports.take(number, owner);
  }

  /** Gives back what `object` has and `kept` has not. */
  #give(object: KubeObject, kept: KubeObject | undefined): void {
    const owner = ownerOf(object);
    const addresses = new Set(kept === undefined ? [] : this.#addressesOf(kept));
    const ports = new Set(kept === undefined ? [] : portsOf(kept));
    for (const number of this.#addressesOf(object))
      if (!addresses.has(number)) this.#addresses.give(number, owner);
    for (const number of portsOf(object)) if (!ports.has(number)) this.#ports.give(number, owner);
  }

  #addressesOf(object: KubeObject): number[] {
    const address = textIn(objectIn(object, 'spec'), 'clusterIP');
    return address === '' || address === 'None' ? [] : [addressNumber(address) - this.#base];
  }
}

function isService(request: AdmissionRequest): boolean {
  const { type, subresource } = request;
  return type.plural === 'services' && type.group === '' && subresource === '';
}

function ownerOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

function portsOf(object: KubeObject): number[] {
  return objectsIn(objectIn(object, 'spec'), 'ports')
    .map((port) => port['nodePort'])
    .filter((port) => typeof port === 'number')
    .map((port) => port - firstNodePort);
}

/** An update that leaves addresses and node ports out keeps them. */
function keepNumbers(spec: JsonObject, old: JsonObject): void {
  const type = textIn(spec, 'type');
  if (type !== 'ExternalName' && textIn(old, 'type') !== 'ExternalName') {
    if (textIn(spec, 'clusterIP') === '') {
      if (old['clusterIP'] !== undefined) spec['clusterIP'] = old['clusterIP'];
      if (old['clusterIPs'] !== undefined) spec['clusterIPs'] = old['clusterIPs'];
    }
  }
  if (type !== 'NodePort' && type !== 'LoadBalancer') return;
  const before = objectsIn(old, 'ports');
  for (const port of objectsIn(spec, 'ports')) {
    if (port['nodePort'] !== undefined && port['nodePort'] !== 0) continue;
    const same = before.find((one) => one['port'] === port['port'] && one['protocol'] === port['protocol']);
    if (same?.['nodePort'] !== undefined) port['nodePort'] = same['nodePort'];
  }
}

function firstText(value: unknown): string {
  const first: unknown = Array.isArray(value) ? value[0] : undefined;
  return typeof first === 'string' ? first : '';
}

function addressNumber(text: string): number {
  const parts = text.split('.').map(Number);
  if (parts.length !== 4 || parts.some((part) => !(part >= 0 && part <= 255))) return -1;
  return parts.reduce((number, part) => number * 256 + part, 0);
}

function addressText(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}
