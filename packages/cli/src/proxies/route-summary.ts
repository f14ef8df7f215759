import { listOf, madeOf, messageIn, textIn, textsIn, type Message } from './config-dump.ts';

/** The columns of `istioctl proxy-config routes`. */
export function routeRows(routes: readonly Message[]): readonly (readonly string[])[] {
  const rows = routes.flatMap((config) => {
    const name = textIn(config, 'name');
    const hosts = listOf(config, 'virtual_hosts');
    if (hosts.length === 0) return [[name, '', '*', '/*', '404']];
    return hosts.flatMap((host) => {
      const domains = shortDomains(textsIn(host, 'domains'));
      const vhost = textIn(host, 'name');
      const listed = listOf(host, 'routes').map((route) => [
        name,
        vhost,
        domains,
        pathOf(route),
        madeOf(route),
      ]);
      return listed.length === 0 ? [[name, vhost, domains, '/*', '404']] : listed;
    });
  });
  const sorted = rows.toSorted(
    (a, b) => Number(a[0]) - Number(b[0]) || (a[0] ?? '').localeCompare(b[0] ?? ''),
  );
  return [['NAME', 'VHOST NAME', 'DOMAINS', 'MATCH', 'VIRTUAL SERVICE'], ...sorted];
}

/** The shortest names, and how many more there are. */
function shortDomains(domains: readonly string[]): string {
  const sorted = domains.toSorted((a, b) => a.length - b.length);
  const shown = sorted.slice(0, 2).join(', ');
  return domains.length > 2 ? `${shown} + ${domains.length - 2} more...` : shown;
}

function pathOf(route: Message): string {
  const match = messageIn(route, 'match');
  const separated = textIn(match, 'path_separated_prefix');
  const path =
    textIn(match, 'path') ||
    (separated === '' ? '' : `${separated}/*`) ||
    (match['prefix'] === undefined ? '' : `${textIn(match, 'prefix')}*`) ||
    (match['safe_regex'] === undefined ? '/*' : `regex ${textIn(messageIn(match, 'safe_regex'), 'regex')}`);
  const directly = textIn(messageIn(route, 'direct_response'), 'status');
  return directly === '' ? path : `${path} (${directly})`;
}
