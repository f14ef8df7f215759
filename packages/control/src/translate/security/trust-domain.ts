/**
 * Identities of a policy as they are in all trust domains that the mesh takes for its own.
 *
 * `cluster.local` stands for the mesh's own trust domain, whatever that is called; an identity of the mesh is
 * taken in each of its aliases too (Istio, "Trust Domain Migration"). What names no trust domain, such as
 * `*`, and what names a foreign one stays as written.
 */
export function inOwnTrustDomains(principals: readonly string[], own: readonly string[]): readonly string[] {
  const all = principals.flatMap((principal) => {
    const parts = principal.split('/');
    const [domain = '', ...rest] = parts;
    if (parts.length !== 5 || domain === '*') return [principal];
    const isOwn = domain === 'cluster.local' || own.some((name) => name === domain);
    if (isOwn) return own.map((name) => [name, ...rest].join('/'));
    if (domain.startsWith('*') && own.some((name) => name.endsWith(domain.slice(1)))) {
      const others = own.filter((name) => !name.endsWith(domain.slice(1)));
      return [principal, ...others.map((name) => [name, ...rest].join('/'))];
    }
    return [principal];
  });
  return [...new Set(all)];
}
