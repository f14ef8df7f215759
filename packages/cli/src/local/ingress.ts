import { resources, type HttpKubeClient, type Service } from '@lateen/kube';

/** Where the ingress gateway answers on this machine. */
export interface IngressAddress {
  readonly address: string;
  /** For plain HTTP: the Service's own port 80 where this user may have it, else a free one. */
  readonly port: number;
  /** Every port of the Service with the one that answers for it. */
  readonly ports: Readonly<Record<string, number>>;
}

/** The annotation with the host's ports, where they are not the Service's own. */
const hostPortsAnnotation = 'lateen.dev/host-ports';

/** Host ports of a LoadBalancer Service that has its address. */
export function ingressOf(service: Service): IngressAddress | undefined {
  const address = service.status?.loadBalancer?.ingress?.[0]?.ip;
  if (address === undefined) return undefined;
  const moved = JSON.parse(service.metadata.annotations?.[hostPortsAnnotation] ?? '{}') as Record<
    string,
    number
  >;
  const ports = Object.fromEntries(
    (service.spec.ports ?? []).map(({ port }) => [String(port), moved[String(port)] ?? port]),
  );
  return { address, port: ports['80'] ?? 80, ports };
}

/** The ingress gateway's address; undefined where there is none yet. */
export async function findIngress(client: HttpKubeClient): Promise<IngressAddress | undefined> {
  const { items } = await client.list<Service>(resources.services, {
    namespace: 'istio-system',
    fieldSelector: 'metadata.name=istio-ingressgateway',
  });
  return items[0] === undefined ? undefined : ingressOf(items[0]);
}

/** `http://address` with the port where it is not 80. */
export function httpUrl({ address, port }: IngressAddress, path: string): string {
  return `http://${address}${port === 80 ? '' : `:${port}`}${path}`;
}
