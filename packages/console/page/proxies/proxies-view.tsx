import type { ProxyListDocument, ProxyState } from '../../src/documents.ts';

const kinds = ['cluster', 'listener', 'route', 'endpoint', 'secret'];
const classes: Readonly<Record<ProxyState, string>> = {
  SYNCED: 'good',
  STALE: 'warn',
  NACK: 'bad',
  'NOT SENT': 'soft',
  'NOT CONNECTED': 'bad',
};

/** How far each proxy has followed the configuration, and why not where it has not. */
export function ProxiesView({ proxies }: { readonly proxies: ProxyListDocument }) {
  return (
    <div class="table-frame">
      {proxies.problem !== undefined && (
        <p class="problem error">The control plane could not be asked: {proxies.problem}</p>
      )}
      <table>
        <thead>
          <tr>
            <th scope="col">Proxy</th>
            <th scope="col">Namespace</th>
            <th scope="col">Type</th>
            <th scope="col">State</th>
            {kinds.map((kind) => (
              <th key={kind} scope="col">
                {kind}s
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {proxies.proxies.map((proxy) => (
            <tr key={`${proxy.namespace}/${proxy.name}`} data-proxy={proxy.name}>
              <th scope="row" class="mono">
                {proxy.name}
                {proxy.kinds
                  .filter(({ reason }) => reason !== undefined)
                  .map(({ kind, reason }) => (
                    <p key={kind} class="problem error">
                      {kind}: {reason}
                    </p>
                  ))}
              </th>
              <td>{proxy.namespace}</td>
              <td>{proxy.type}</td>
              <td>
                <span class={`pill ${classes[proxy.state]}`}>{proxy.state}</span>
              </td>
              {kinds.map((kind) => {
                const state = proxy.kinds.find((one) => one.kind === kind)?.state ?? 'NOT SENT';
                return (
                  <td key={kind} class={classes[state]}>
                    {state === 'NOT SENT' ? '–' : state.toLowerCase()}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
