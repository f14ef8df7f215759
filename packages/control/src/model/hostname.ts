/**
 * The full name of a host as a rule in `namespace` means it.
 *
 * A name without a dot is a service of that namespace; a wildcard and a name with a dot are taken as written
 * (Istio, "Short names" under VirtualService.hosts).
 */
export function resolveHost(host: string, namespace: string, domain: string): string {
  if (host.startsWith('*') || host.includes('.') || host === '') return host;
  return `${host}.${namespace}.svc.${domain}`;
}

/** True for `*` and `*.example.com`. */
export function isWildcard(host: string): boolean {
  return host.startsWith('*');
}

/** True where `pattern`, which may be a wildcard, covers `host`, which may be one too. */
export function covers(pattern: string, host: string): boolean {
  if (!isWildcard(pattern)) return pattern === host;
  const suffix = pattern.slice(1);
  const name = isWildcard(host) ? host.slice(1) : host;
  return name.endsWith(suffix) && (name.length > suffix.length || isWildcard(host) || suffix === '');
}

/** True where some host is covered by both. */
export function overlaps(a: string, b: string): boolean {
  return covers(a, b) || covers(b, a);
}

/** The wildcards that cover a name, the most specific first: `*.b.c`, `*.c`, `*` for `a.b.c`. */
export function wildcardsOf(host: string): string[] {
  const found: string[] = [];
  for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) {
    found.push(`*${host.slice(dot)}`);
  }
  found.push('*');
  return found.filter((wildcard) => wildcard !== host);
}
