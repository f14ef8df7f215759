import { toJson } from '@lateen/protocol';
import { ServerInfo, type ServerInfo_State } from '@lateen/protocol/envoy/admin/v3';
import type { ProxyBootstrap } from '../bootstrap/bootstrap.ts';
import { envoyVersion, proxyVersion } from '../version.ts';
import { envoyLevel } from '../logging/level-words.ts';
import { describeNode } from './self-description.ts';
import type { LogLevel } from '@lateen/core';

/** Where the process stands, in Envoy's words. */
export type ServerState = 'PRE_INITIALIZING' | 'INITIALIZING' | 'LIVE' | 'DRAINING';

export interface ServerInfoFacts {
  /** Threads that serve. */
  readonly concurrency: number;
  readonly state: ServerState;
  readonly uptimeMs: number;
  readonly bootstrap: ProxyBootstrap;
  readonly logLevel: LogLevel;
  readonly configPath: string | undefined;
  readonly drainTimeMs: number;
  readonly hotRestart: { readonly version: string; readonly epoch: number } | undefined;
}

/** `revision/version/status/build type/TLS library`, as Envoy writes it. */
export const versionText = `lateen-${proxyVersion}/${envoyVersion}/Clean/RELEASE/OpenSSL`;

/** Envoy's JSON of `/server_info`. */
export function serverInfoJson(facts: ServerInfoFacts): unknown {
  const { node } = facts.bootstrap;
  const state: ServerInfo_State = facts.state;
  const uptime = Math.floor(facts.uptimeMs / 1_000) * 1_000;
  const json = toJson(
    ServerInfo,
    {
      version: versionText,
      state,
      uptimeCurrentEpoch: uptime,
      uptimeAllEpochs: uptime,
      hotRestartVersion: facts.hotRestart?.version ?? 'disabled',
      commandLineOptions: {
        concurrency: facts.concurrency,
        ...(facts.configPath === undefined ? {} : { configPath: facts.configPath }),
        logLevel: envoyLevel(facts.logLevel),
        serviceCluster: node.cluster,
        serviceNode: node.id,
        drainTime: facts.drainTimeMs,
        restartEpoch: facts.hotRestart?.epoch ?? 0,
      },
      node: describeNode(node),
    },
    { protoNames: true },
  );
  // LIVE is the zero value, which the mapping leaves out; tools look for it.
  return { ...(json as object), state };
}
