import { sleep, type Clock } from '@lateen/core';
import type { LifecycleHandler } from '@lateen/kube';
import type { ExecSession } from '../node-agent.ts';
import { probeHttp } from '../probe/http-probe.ts';
import type { ProbeOutcome, ProbeTarget } from '../probe/probe-target.ts';
import { probeTcp } from '../probe/tcp-probe.ts';

/** Runs a `postStart` or `preStop` handler. */
export async function runHook(
  hook: LifecycleHandler,
  target: ProbeTarget,
  timeoutMs: number,
): Promise<ProbeOutcome> {
  if (hook.exec !== undefined) return target.exec(hook.exec.command ?? [], timeoutMs);
  if (hook.httpGet !== undefined) return probeHttp(hook.httpGet, target, timeoutMs);
  if (hook.tcpSocket !== undefined) {
    const port = target.portNumber(hook.tcpSocket.port) ?? 0;
    return probeTcp(hook.tcpSocket.host ?? target.podIP, port, timeoutMs);
  }
  if (hook.sleep !== undefined) await sleep(Math.min(hook.sleep.seconds * 1000, timeoutMs));
  return { ok: true };
}

/** Runs a command to its end, killing it after `timeoutMs`; good where it exits with 0. */
export async function runCommandProbe(
  session: ExecSession,
  clock: Clock,
  timeoutMs: number,
): Promise<ProbeOutcome> {
  let output = '';
  const collect = (chunk: Buffer): void => {
    if (output.length < 1024) output += chunk.toString('utf8');
  };
  session.stdout.on('data', collect);
  session.stderr?.on('data', collect);
  let late = false;
  const timer = clock.after(timeoutMs, () => {
    late = true;
    session.kill();
  });
  const status = await session.exited;
  timer.cancel();
  if (late) return { ok: false, message: `command timed out after ${timeoutMs / 1000}s` };
  if (status.kind === 'exited' && status.code === 0) return { ok: true };
  return { ok: false, message: output.trim() };
}
