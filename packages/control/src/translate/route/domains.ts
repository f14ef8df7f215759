import type { Service } from '../../model/service.ts';

/**
 * All names by which a client of a namespace calls a service, and its addresses.
 *
 * `reviews.default.svc.cluster.local`, `reviews.default.svc`, `reviews.default`, and within the
 * namespace `reviews`. Ports are not part of them: the proxy ignores the port when it compares.
 */
export function domainsOf(service: Service, clientNamespace: string, domain: string): string[] {
  const domains = [service.hostname];
  const suffix = `.${service.namespace}.svc.${domain}`;
  if (service.hostname.endsWith(suffix)) {
    const name = service.hostname.slice(0, -suffix.length);
    if (service.namespace === clientNamespace) domains.push(name);
    domains.push(`${name}.${service.namespace}.svc`, `${name}.${service.namespace}`);
  }
  // Blocks of addresses cannot be a Host header.
  domains.push(...service.addresses.filter((address) => !address.includes('/')).map(hostOfAddress));
  return domains;
}

function hostOfAddress(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}
