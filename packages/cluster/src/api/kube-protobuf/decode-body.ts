import type { TypeRegistry } from '../registry/type-registry.ts';
import type { FieldTable } from '../schema/field-table.ts';
import { badRequest } from '../status.ts';
import { decodeKubeProtobuf } from './decode-kube-protobuf.ts';
import { ProtobufError } from './wire-reader.ts';

/** Kinds that are only sent, never stored. */
const sentOnly: Readonly<Record<string, string>> = {
  Binding: 'V1Binding',
  DeleteOptions: 'V1DeleteOptions',
  Eviction: 'V1Eviction',
  Scale: 'V1Scale',
  TokenRequest: 'AuthenticationV1TokenRequest',
};

/** The object in a body of Kubernetes' protobuf encoding. */
export function decodeBody(body: Buffer, types: TypeRegistry, table: FieldTable): object {
  try {
    return decodeKubeProtobuf(body, (apiVersion, kind) => {
      const slash = apiVersion.indexOf('/');
      const group = slash < 0 ? '' : apiVersion.slice(0, slash);
      const served = types.findKind(group, apiVersion.slice(slash + 1), kind);
      if (served !== undefined) return served.type.custom ? undefined : served.version.schema;
      const model = sentOnly[kind];
      return model === undefined ? undefined : table.schema(model);
    });
  } catch (error) {
    if (error instanceof ProtobufError)
      throw badRequest(`the protobuf body could not be read: ${error.message}`);
    throw error;
  }
}
