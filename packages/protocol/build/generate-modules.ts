import { createFileRegistry, fromBinary, type DescFile } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { emitPackages, type Output } from './emit.ts';
import { compile, readProtos } from './proto-sources.ts';

/** Packages that only hold options or belong to the codec itself. */
const left =
  /^(google\.protobuf|google\.api|validate|envoy\.annotations|udpa\.annotations|xds\.annotations\.v3)$/;

/** All that goes into gen/. */
export function generateModules(): Output[] {
  const set = fromBinary(FileDescriptorSetSchema, compile(readProtos()));
  const files: DescFile[] = [...createFileRegistry(set).files]
    .filter((file) => !left.test(file.proto.package))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return emitPackages(files);
}
