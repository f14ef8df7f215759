import type {
  ClientTls,
  ConnectionPool,
  LoadBalancer,
  OutlierDetection,
  TrafficPolicy,
} from '../kinds/traffic-policy.ts';
import { joinPath, type Report } from '../schema/check-shape.ts';
import { checkDuration } from './durations.ts';
import { checkHost } from './names.ts';

interface Settings {
  readonly loadBalancer?: LoadBalancer;
  readonly connectionPool?: ConnectionPool;
  readonly outlierDetection?: OutlierDetection;
  readonly tls?: ClientTls;
}

/** Reports what is wrong with a traffic policy. */
export function checkTrafficPolicy(policy: TrafficPolicy | undefined, path: string, report: Report): void {
  if (policy === undefined) return;
  if (Object.keys(policy).length === 0) report(path, 'must have at least one setting');
  checkSettings(policy, path, report);
  for (const [index, port] of (policy.portLevelSettings ?? []).entries()) {
    const at = `${path}.portLevelSettings[${index}]`;
    if (port.port?.number === undefined) report(`${at}.port.number`, 'is required');
    checkSettings(port, at, report);
  }
  const { tunnel } = policy;
  if (tunnel !== undefined) {
    if (tunnel.protocol !== undefined && !['CONNECT', 'POST'].includes(tunnel.protocol)) {
      report(`${path}.tunnel.protocol`, `must be CONNECT or POST, not "${tunnel.protocol}"`);
    }
    checkHost(tunnel.targetHost, `${path}.tunnel.targetHost`, report);
  }
}

function checkSettings(settings: Settings, path: string, report: Report): void {
  if (settings.loadBalancer !== undefined)
    checkLoadBalancer(settings.loadBalancer, `${path}.loadBalancer`, report);
  if (settings.connectionPool !== undefined) {
    checkConnectionPool(settings.connectionPool, `${path}.connectionPool`, report);
  }
  if (settings.outlierDetection !== undefined) {
    checkOutlierDetection(settings.outlierDetection, `${path}.outlierDetection`, report);
  }
  if (settings.tls !== undefined) checkClientTls(settings.tls, `${path}.tls`, report);
}

function checkLoadBalancer(balancer: LoadBalancer, path: string, report: Report): void {
  const { consistentHash: hash, localityLbSetting: locality, warmup, simple } = balancer;
  if (hash !== undefined) {
    const keys = ['httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName'] as const;
    if (keys.every((key) => hash[key] === undefined)) {
      report(`${path}.consistentHash`, `must have one of ${keys.join(', ')}`);
    }
    if (hash.maglev?.tableSize !== undefined && !isPrime(hash.maglev.tableSize)) {
      report(`${path}.consistentHash.maglev.tableSize`, `must be a prime, not ${hash.maglev.tableSize}`);
    }
  }
  if (warmup !== undefined) {
    checkDuration(warmup.duration, `${path}.warmup.duration`, report);
    if (hash !== undefined || simple === 'RANDOM' || simple === 'PASSTHROUGH') {
      report(`${path}.warmup`, 'works with ROUND_ROBIN and LEAST_REQUEST only');
    }
  }
  if (locality === undefined) return;
  const ways = ['distribute', 'failover', 'failoverPriority'] as const;
  const set = ways.filter((way) => (locality[way] ?? []).length > 0);
  if (set.includes('distribute') && set.length > 1) {
    report(`${path}.localityLbSetting`, `only one of ${set.join(', ')} may be set`);
  }
  for (const [index, { to }] of (locality.distribute ?? []).entries()) {
    const total = Object.values(to ?? {}).reduce((sum, share) => sum + share, 0);
    if (total !== 100) {
      report(
        `${path}.localityLbSetting.distribute[${index}].to`,
        `the shares must add up to 100, not ${total}`,
      );
    }
    for (const [place, share] of Object.entries(to ?? {})) {
      if (share === 0) {
        report(
          joinPath(`${path}.localityLbSetting.distribute[${index}].to`, place),
          'must be from 1 to 100, not 0',
        );
      }
    }
  }
  for (const [index, { from, to }] of (locality.failover ?? []).entries()) {
    if (from === to) {
      report(
        `${path}.localityLbSetting.failover[${index}].to`,
        `must be another region than ${from ?? 'from'}`,
      );
    }
  }
}

function isPrime(number: number): boolean {
  if (number < 2) return false;
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false;
  return true;
}

function checkConnectionPool(pool: ConnectionPool, path: string, report: Report): void {
  const { tcp, http } = pool;
  if (tcp === undefined && http === undefined) report(path, 'must have tcp, http or both');
  if (tcp !== undefined && Object.keys(tcp).length === 0)
    report(`${path}.tcp`, 'must have at least one setting');
  if (http !== undefined && Object.keys(http).length === 0)
    report(`${path}.http`, 'must have at least one setting');
  checkDuration(tcp?.connectTimeout, `${path}.tcp.connectTimeout`, report);
  checkDuration(tcp?.maxConnectionDuration, `${path}.tcp.maxConnectionDuration`, report);
  checkDuration(tcp?.tcpKeepalive?.time, `${path}.tcp.tcpKeepalive.time`, report);
  checkDuration(tcp?.tcpKeepalive?.interval, `${path}.tcp.tcpKeepalive.interval`, report);
  checkDuration(http?.idleTimeout, `${path}.http.idleTimeout`, report);
  if (http?.h2UpgradePolicy === 'UPGRADE' && http.useClientProtocol === true) {
    report(`${path}.http.useClientProtocol`, 'cannot be true where h2UpgradePolicy is UPGRADE');
  }
}

function checkOutlierDetection(detection: OutlierDetection, path: string, report: Report): void {
  checkDuration(detection.interval, `${path}.interval`, report);
  checkDuration(detection.baseEjectionTime, `${path}.baseEjectionTime`, report);
  if (
    (detection.consecutiveLocalOriginFailures ?? 0) > 0 &&
    detection.splitExternalLocalOriginErrors !== true
  ) {
    report(
      `${path}.consecutiveLocalOriginFailures`,
      'has no effect unless splitExternalLocalOriginErrors is true',
    );
  }
}

function checkClientTls(tls: ClientTls, path: string, report: Report): void {
  const files = ['clientCertificate', 'privateKey', 'caCertificates'] as const;
  if (tls.credentialName !== undefined && tls.credentialName !== '') {
    for (const file of files) {
      if (tls[file] !== undefined) report(`${path}.${file}`, 'cannot stand beside credentialName');
    }
  }
  if (
    tls.insecureSkipVerify === true &&
    (tls.caCertificates !== undefined || (tls.subjectAltNames ?? []).length > 0)
  ) {
    report(
      `${path}.insecureSkipVerify`,
      'cannot be true where caCertificates or subjectAltNames say what to verify',
    );
  }
  switch (tls.mode) {
    case 'MUTUAL':
      if (tls.credentialName !== undefined && tls.credentialName !== '') return;
      for (const file of ['clientCertificate', 'privateKey'] as const) {
        if (!tls[file])
          report(`${path}.${file}`, 'is required for mode MUTUAL, or credentialName in its place');
      }
      return;
    case 'ISTIO_MUTUAL':
      for (const field of [...files, 'credentialName'] as const) {
        if (tls[field]) report(`${path}.${field}`, 'must not be set for mode ISTIO_MUTUAL');
      }
      return;
    default:
  }
}
