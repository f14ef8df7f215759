import { packAny, type Any } from '@lateen/protocol';
import type { DataSource as DataSourceMessage } from '@lateen/protocol/envoy/config/core/v3';
import { Secret as SecretMessage } from '@lateen/protocol/envoy/extensions/transport_sockets/tls/v3';
import type { MadeSecret } from '../bootstrap/running-proxy.ts';
import type { DataSource, Secret } from '../model/index.ts';

/** An entry of `SecretsConfigDump`. */
export interface DumpedSecret {
  readonly name: string;
  readonly versionInfo: string;
  readonly lastUpdated: number;
  readonly secret: Any;
}

/**
 * Secrets that were made in this process, such as a workload's certificate, as Envoy shows those that an agent gives it
 * by SDS. The version is the time, as Istio's agent has it; keys are not in the message.
 */
export function dumpMadeSecrets(
  made: ReadonlyMap<string, MadeSecret>,
  matches: (name: string) => boolean,
): readonly DumpedSecret[] {
  return [...made.values()]
    .filter(({ secret }) => matches(secret.name))
    .map(({ secret, updatedAtMs }) => ({
      name: secret.name,
      versionInfo: new Date(updatedAtMs).toISOString(),
      lastUpdated: updatedAtMs,
      secret: packAny(SecretMessage, messageOf(secret)),
    }));
}

function messageOf(secret: Secret): SecretMessage {
  const { name } = secret;
  switch (secret.kind) {
    case 'certificate':
      return {
        name,
        tlsCertificate: {
          certificateChain: source(secret.certificate.chain),
          privateKey: { inlineBytes: Buffer.from('[redacted]') },
        },
      };
    case 'validation': {
      const { trustedCa } = secret.validation;
      return { name, validationContext: trustedCa === undefined ? {} : { trustedCa: source(trustedCa) } };
    }
    default:
      return { name };
  }
}

function source(from: DataSource): DataSourceMessage {
  switch (from.kind) {
    case 'inline':
      return { inlineBytes: from.bytes };
    case 'file':
      return { filename: from.path };
    default:
      return { environmentVariable: from.variable };
  }
}
