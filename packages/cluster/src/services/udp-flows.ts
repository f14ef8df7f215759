import type { TrackedFlow } from '../linux/connection-tracking.ts';
import type { ServiceRoute } from './service-table.ts';

/** IANA's number of UDP. */
const udp = 17;

/** True where a UDP service has lost a backend between two tables. */
export function udpBackendsLost(before: readonly ServiceRoute[], after: readonly ServiceRoute[]): boolean {
  const now = backendsByAddress(after);
  for (const [address, backends] of backendsByAddress(before)) {
    const left = now.get(address);
    for (const backend of backends) if (left === undefined || !left.has(backend)) return true;
  }
  return false;
}

/**
 * Recognises flows to UDP services that go to a backend which the service no longer has. A client that keeps
 * sending from the same port would stay with it, since the kernel translates only the first packet of a flow.
 */
export function staleUdpFlows(
  before: readonly ServiceRoute[],
  after: readonly ServiceRoute[],
): (flow: TrackedFlow) => boolean {
  const was = backendsByAddress(before);
  const now = backendsByAddress(after);
  return ({ original, reply }) => {
    if (original.protocol !== udp) return false;
    const address = `${original.destination}:${original.destinationPort}`;
    const backend = `${reply.source}:${reply.sourcePort}`;
    return was.get(address)?.has(backend) === true && now.get(address)?.has(backend) !== true;
  };
}

function backendsByAddress(routes: readonly ServiceRoute[]): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const route of routes) {
    if (route.protocol !== 'UDP') continue;
    const backends = new Set(route.backends.map(({ ip, port }) => `${ip}:${port}`));
    for (const address of route.addresses) found.set(`${address}:${route.port}`, backends);
  }
  return found;
}
