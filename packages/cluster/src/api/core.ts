import { join } from 'node:path';
import { LateenError, messageOf, type Clock, type Logger } from '@lateen/core';
import type { ObjectSchema } from '@lateen/kube';
import type { AdmissionPlugin } from './admission/admission.ts';
import { namespaceLifecycle } from './admission/namespace-lifecycle.ts';
import { rbacEscalation } from './admission/rbac-escalation.ts';
import { serviceAccountAdmission } from './admission/service-account.ts';
import { ServiceAllocation } from './admission/service-allocation.ts';
import { WebhookAdmission } from './admission/webhook/webhook-admission.ts';
import { RbacAuthorizer } from './auth/rbac-authorizer.ts';
import { builtinTypes } from './builtin/types.ts';
import { CrdRegistrar } from './crd/crd-registrar.ts';
import { patternAdmission } from './crd/pattern-admission.ts';
import { ObjectStore } from './registry/object-store.ts';
import type { RequestContext } from './registry/request-context.ts';
import { ResourceReader } from './registry/resource-reader.ts';
import { ResourceService } from './registry/resource-service.ts';
import { ResourceWriter } from './registry/resource-writer.ts';
import { TypeRegistry } from './registry/type-registry.ts';
import { FieldTable } from './schema/field-table.ts';
import { startCompaction } from './storage/compaction.ts';
import { SqliteStore } from './storage/sqlite-store.ts';

export interface ApiCoreOptions {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly serviceCidr: string;
}

/** The API without a way in: storage, kinds, admission and the verbs over them. */
export interface ApiCore {
  readonly objects: ObjectStore;
  readonly types: TypeRegistry;
  readonly writer: ResourceWriter;
  readonly service: ResourceService;
  readonly authorizer: RbacAuthorizer;
  /** Schemas of the built-in kinds. */
  readonly builtins: FieldTable;
  /** The schema of `metadata`. */
  readonly metadata: ObjectSchema;
  close(): Promise<void>;
}

/** For what the server writes by itself. */
const systemContext: RequestContext = {
  user: { name: 'system:apiserver', groups: ['system:masters'] },
  dryRun: false,
  fieldManager: '',
  fieldValidation: 'Ignore',
  warn: () => {},
};

/** Opens the data directory; all kinds that were defined in it are served when the promise resolves. */
export async function openCore(options: ApiCoreOptions): Promise<ApiCore> {
  const { clock, logger } = options;
  const store = openStore(join(options.dataDir, 'state.db'));
  const stopCompaction = startCompaction(store, clock, logger.scope('storage'));
  const objects = new ObjectStore(store);
  const builtins = new FieldTable();
  const types = new TypeRegistry(builtinTypes(builtins));
  const reader = new ResourceReader(objects);
  const authorizer = new RbacAuthorizer(reader, types);
  const allocation = new ServiceAllocation(options.serviceCidr);
  await allocation.start(objects, types);
  const webhooks = new WebhookAdmission({ reader, types, clock, logger: logger.scope('webhook') });
  const serviceAccount = serviceAccountAdmission(objects, types, clock);
  const admission: AdmissionPlugin[] = [
    namespaceLifecycle(reader, types),
    serviceAccount,
    webhooks.mutatingPlugin(),
    // Once more, for the containers that webhooks have added.
    serviceAccount,
    allocation,
    patternAdmission,
    rbacEscalation(authorizer, reader, types),
    webhooks.validatingPlugin(),
  ];
  const writer = new ResourceWriter({ objects, clock, admission });
  const service = new ResourceService({
    types,
    reader,
    writer,
    clock,
    settled: async (type, context) => {
      if (type.kind === 'CustomResourceDefinition' && context !== systemContext) await registrar.settled();
    },
  });
  const metadata = builtins.schema('V1ObjectMeta');
  const context = systemContext;
  const registrar = new CrdRegistrar({
    objects,
    service,
    metadata,
    clock,
    logger: logger.scope('crd'),
    context,
  });
  await registrar.start();
  return {
    objects,
    types,
    writer,
    service,
    authorizer,
    builtins,
    metadata,
    async close() {
      authorizer.close();
      registrar.close();
      webhooks.close();
      allocation.close();
      stopCompaction();
      await store.close();
    },
  };
}

function openStore(file: string): SqliteStore {
  try {
    return new SqliteStore({ file });
  } catch (error) {
    throw new LateenError(
      'cluster.state',
      `the state of the cluster in ${file} cannot be read: ${messageOf(error)}`,
      {
        hint: 'put a copy of the file back, or remove it to start with an empty cluster',
        cause: error,
      },
    );
  }
}
