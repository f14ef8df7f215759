import type { Probe } from '@lateen/kube';
import { probeGrpc } from './grpc-probe.ts';
import { probeHttp } from './http-probe.ts';
import type { ProbeOutcome, ProbeTarget } from './probe-target.ts';
import { probeTcp } from './tcp-probe.ts';

/** Tries a probe once. */
export function runProbe(probe: Probe, target: ProbeTarget): Promise<ProbeOutcome> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  if (probe.exec !== undefined) return target.exec(probe.exec.command ?? [], timeoutMs);
  if (probe.httpGet !== undefined) return probeHttp(probe.httpGet, target, timeoutMs);
  if (probe.tcpSocket !== undefined) {
    const port = target.portNumber(probe.tcpSocket.port);
    if (port !== undefined) return probeTcp(probe.tcpSocket.host ?? target.podIP, port, timeoutMs);
    const message = `the container has no port named "${probe.tcpSocket.port}"`;
    return Promise.resolve({ ok: false, message });
  }
  if (probe.grpc !== undefined) {
    return probeGrpc(target.podIP, probe.grpc.port, probe.grpc.service ?? '', timeoutMs);
  }
  return Promise.resolve({ ok: true });
}
