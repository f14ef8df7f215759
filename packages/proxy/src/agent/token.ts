import { readFileSync } from 'node:fs';
import type { Metadata } from '@lateen/protocol/grpc';

/**
 * The metadata that proves who the workload is: its service-account token. Read at each call, since the
 * kubelet replaces the file; without one nothing is sent, and the control plane decides.
 */
export function tokenMetadata(path: string): Metadata {
  try {
    return { authorization: `Bearer ${readFileSync(path, 'utf8').trim()}` };
  } catch {
    return {};
  }
}
