import type { Container, IntOrString, Probe } from '@lateen/kube';

/** The probes of the application as the agent calls them, by path: `ISTIO_KUBE_APP_PROBERS`. */
export type AppProbers = Record<string, Omit<Probe, 'initialDelaySeconds' | 'periodSeconds'>>;

const probeNames = [
  ['readinessProbe', 'readyz'],
  ['livenessProbe', 'livez'],
  ['startupProbe', 'startupz'],
] as const;

/**
 * Sends the probes of the application through the agent, so that they also work where the application
 * accepts only mutual TLS or only what passes its sidecar. Probes by command stay as they are.
 */
export function rewriteProbes(
  containers: readonly Container[],
  statusPort: number,
): { readonly containers: Container[]; readonly probers: AppProbers } {
  const probers: AppProbers = {};
  const rewritten = containers.map((container) => {
    if (container.name === 'istio-proxy') return container;
    let out = container;
    for (const [field, name] of probeNames) {
      const probe = container[field];
      if (probe === undefined) continue;
      const path = `/app-health/${container.name}/${name}`;
      const prober = proberOf(probe, container, statusPort);
      if (prober === undefined) continue;
      probers[path] = prober;
      out = { ...out, [field]: agentProbe(probe, path, statusPort) };
    }
    return out;
  });
  return { containers: rewritten, probers };
}

/** What the agent is to do; undefined where the probe stays as it is. */
function proberOf(probe: Probe, container: Container, statusPort: number): AppProbers[string] | undefined {
  const limits = probe.timeoutSeconds === undefined ? {} : { timeoutSeconds: probe.timeoutSeconds };
  if (probe.httpGet !== undefined) {
    const port = portNumberOf(probe.httpGet.port, container);
    if (port === undefined || port === statusPort) return undefined;
    return { httpGet: { ...probe.httpGet, port }, ...limits };
  }
  if (probe.tcpSocket !== undefined) {
    const port = portNumberOf(probe.tcpSocket.port, container);
    return port === undefined ? undefined : { tcpSocket: { ...probe.tcpSocket, port }, ...limits };
  }
  return probe.grpc === undefined ? undefined : { grpc: probe.grpc, ...limits };
}

function agentProbe(probe: Probe, path: string, statusPort: number): Probe {
  const { httpGet, tcpSocket: _tcpSocket, grpc: _grpc, ...timing } = probe;
  const headers = httpGet?.httpHeaders;
  return {
    ...timing,
    httpGet: { path, port: statusPort, ...(headers === undefined ? {} : { httpHeaders: headers }) },
  };
}

/** The number of a port that is given by number or by name. */
function portNumberOf(port: IntOrString, container: Container): number | undefined {
  if (typeof port === 'number') return port;
  const named = container.ports?.find((candidate) => candidate.name === port);
  if (named !== undefined) return named.containerPort;
  return /^\d+$/.test(port) ? Number(port) : undefined;
}
