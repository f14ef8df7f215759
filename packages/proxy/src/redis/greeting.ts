import type { Cluster } from '../model/cluster.ts';
import { readDataSource } from '../tls/data-source.ts';
import { encodeRequest } from './resp-writer.ts';

/** `AUTH` as the cluster has it, which comes first on a connection; empty where it has none. */
export function greetingOf({ redis }: Cluster): Buffer {
  const { password, username } = redis ?? {};
  if (password === undefined) return Buffer.alloc(0);
  const parts = [username, password].flatMap((source) => {
    const bytes = source === undefined ? undefined : readDataSource(source, '');
    return bytes?.ok === true ? [bytes.value] : [];
  });
  return encodeRequest(['auth', ...parts]);
}
