import { toJson } from '@lateen/protocol';
import { ServerInfo } from '@lateen/protocol/envoy/admin/v3';
import type { ProxyBootstrap } from '../bootstrap/bootstrap.ts';
import { envoyVersion, proxyVersion } from '../version.ts';
import { envoyLevel } from '../logging/level-words.ts';
import { describeNode } from './self-description.ts';
import type { LogLevel } from '@lateen/core';
import type { DrainStrategy } from '../drain/drain-schedule.ts';

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
  readonly drainStrategy: DrainStrategy;
  readonly hotRestart: { readonly version: string; readonly epoch: number } | undefined;
}

/** `revision/version/status/build type/TLS library`, as Envoy writes it. */
export const versionText = `lateen-${proxyVersion}/${envoyVersion}/Clean/RELEASE/OpenSSL`;

/** Envoy's JSON of `/server_info`. */
export function serverInfoJson(facts: ServerInfoFacts): unknown {
  const { node } = facts.bootstrap;
  const uptime = Math.floor(facts.uptimeMs / 1_000) * 1_000;
  return toJson(
    ServerInfo,
    {
      version: versionText,
      state: facts.state,
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
        drainStrategy: facts.drainStrategy === 'gradual' ? 'Gradual' : 'Immediate',
        mode: 'Serve',
        statsTag: facts.bootstrap.statTags.map(({ name, value }) => `${name}:${value}`),
        disableHotRestart: facts.hotRestart === undefined,
        restartEpoch: facts.hotRestart?.epoch ?? 0,
      },
      node: describeNode(node),
    },
    { protoNames: true, zeros: true },
  );
}
