import type { TypeRegistry } from '@lateen/protocol';

/** All message types that patches may hold; they are loaded when they are first asked for. */
export async function patchTypes(): Promise<TypeRegistry> {
  const [{ typeRegistry }, { allTypes }] = await Promise.all([
    import('@lateen/protocol'),
    import('@lateen/protocol/all-types'),
  ]);
  return typeRegistry(allTypes);
}
