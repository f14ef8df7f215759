import { isIP } from 'node:net';
import type { JsonObject, KubeObject } from '@lateen/kube';
import { objectIn, objectsIn, textIn } from '../builtin/default-fields.ts';
import { duplicate, invalidValue, notSupported, required, type FieldError } from '../field-error.ts';
import { validateLabels } from './metadata.ts';
import { dnsLabelProblems, dnsSubdomainProblems } from './names.ts';
import { validatePort, validatePortOrName } from './numbers.ts';

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const protocols = ['SCTP', 'TCP', 'UDP'];
const affinities = ['ClientIP', 'None'];
const trafficPolicies = ['Cluster', 'Local'];

export function validateService(service: KubeObject, old: KubeObject | undefined): FieldError[] {
  const spec = objectIn(service, 'spec');
  if (spec === undefined) return [required('spec')];
  const type = textIn(spec, 'type');
  const errors: FieldError[] = [];
  if (!types.includes(type)) errors.push(notSupported('spec.type', type, types));
  const headless = spec['clusterIP'] === 'None';
  const ports = objectsIn(spec, 'ports');
  if (ports.length === 0 && !headless && type !== 'ExternalName') errors.push(required('spec.ports'));
  errors.push(...validatePorts(ports));
  const selector = objectIn(spec, 'selector');
  if (selector !== undefined)
    errors.push(...validateLabels(selector as Record<string, string>, 'spec.selector'));
  if (!affinities.includes(textIn(spec, 'sessionAffinity'))) {
    errors.push(notSupported('spec.sessionAffinity', spec['sessionAffinity'], affinities));
  }
  for (const name of ['externalTrafficPolicy', 'internalTrafficPolicy']) {
    const policy = spec[name];
    if (policy !== undefined && !trafficPolicies.includes(textIn(spec, name))) {
      errors.push(notSupported(`spec.${name}`, policy, trafficPolicies));
    }
  }
  if (type === 'ExternalName') errors.push(...validateExternalName(spec));
  else errors.push(...validateAddresses(spec, type, objectIn(old, 'spec')));
  return errors;
}

function validatePorts(ports: readonly JsonObject[]): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  const numbers = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const at = `spec.ports[${index}]`;
    const name = textIn(port, 'name');
    if (name === '') {
      if (ports.length > 1) errors.push(required(`${at}.name`));
    } else {
      for (const problem of dnsLabelProblems(name)) errors.push(invalidValue(`${at}.name`, name, problem));
      if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
      names.add(name);
    }
    errors.push(...validatePort(port, 'port', at));
    errors.push(...validatePortOrName(port['targetPort'], `${at}.targetPort`));
    const protocol = textIn(port, 'protocol');
    if (!protocols.includes(protocol)) errors.push(notSupported(`${at}.protocol`, protocol, protocols));
    const number = `${protocol} ${String(port['port'])}`;
    if (numbers.has(number)) errors.push(duplicate(at, { port: port['port'], protocol }));
    numbers.add(number);
  }
  return errors;
}

function validateExternalName(spec: JsonObject): FieldError[] {
  const name = textIn(spec, 'externalName').replace(/\.$/, '');
  if (name === '') return [required('spec.externalName')];
  return dnsSubdomainProblems(name).map((problem) => invalidValue('spec.externalName', name, problem));
}

function validateAddresses(spec: JsonObject, type: string, old: JsonObject | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const address = textIn(spec, 'clusterIP');
  if (address !== '' && address !== 'None' && isIP(address) === 0) {
    const text = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
    errors.push(invalidValue('spec.clusterIPs[0]', address, text));
  }
  if (address === 'None' && type !== 'ClusterIP') {
    const text = `may not be set to 'None' for ${type} services`;
    errors.push(invalidValue('spec.clusterIPs[0]', address, text));
  }
  const before = textIn(old, 'clusterIP');
  if (before !== '' && before !== address && textIn(old, 'type') !== 'ExternalName') {
    errors.push(invalidValue('spec.clusterIPs[0]', [address], 'may not change once set'));
  }
  const externals = spec['externalIPs'];
  for (const [index, external] of (Array.isArray(externals) ? (externals as unknown[]) : []).entries()) {
    if (typeof external === 'string' && isIP(external) !== 0) continue;
    const text = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
    errors.push(invalidValue(`spec.externalIPs[${index}]`, external, text));
  }
  return errors;
}
