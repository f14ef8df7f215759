/** The full name of a host that a rule names: a name without a dot is a service of the rule's own namespace. */
export function fullHost(host: string, namespace: string, domain = 'cluster.local'): string {
  return host.includes('.') || host === '*' ? host : `${host}.${namespace}.svc.${domain}`;
}

/** True where the pattern, `*` or `*.suffix` or a plain host, covers the host. */
export function hostMatches(pattern: string, host: string): boolean {
  if (pattern === '*' || pattern === host) return true;
  return pattern.startsWith('*') && host.endsWith(pattern.slice(1));
}

/** True where some host is covered by both patterns. */
export function hostsOverlap(a: string, b: string): boolean {
  return hostMatches(a, b) || hostMatches(b, a);
}
