import { createFileRegistry, fromBinary, type DescFile } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { emitPackages, type Output } from './emit.ts';
import { compile, readProtos } from './proto-sources.ts';

/** What goes into gen/. */
export interface Generated {
  readonly modules: readonly Output[];
  /** The encoded FileDescriptorSet, which tests compare the codec by. */
  readonly descriptors: Uint8Array;
}

/** Packages that only hold options or belong to the codec itself. */
const left =
  /^(google\.protobuf|google\.api|validate|envoy\.annotations|udpa\.annotations|xds\.annotations\.v3)$/;

/** Compiles the .proto files and makes a module of each package. */
export function generateModules(): Generated {
  const descriptors = compile(readProtos());
  const files: DescFile[] = [...createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors)).files]
    .filter((file) => !left.test(file.proto.package))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return { modules: emitPackages(files), descriptors };
}
