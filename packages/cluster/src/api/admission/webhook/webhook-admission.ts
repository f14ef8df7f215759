import { messageOf, type Clock, type Logger } from '@lateen/core';
import {
  cloneJson,
  isStatus,
  jsonPatch,
  type EndpointSlice,
  type KubeObject,
  type Service,
} from '@lateen/kube';
import type { ResourceReader } from '../../registry/resource-reader.ts';
import type { ResourceType, ServedVersion } from '../../registry/resource-type.ts';
import type { TypeRegistry } from '../../registry/type-registry.ts';
import { failure, internalError } from '../../status.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.ts';
import { WebhookCaller } from './call.ts';
import { matchWebhook } from './match.ts';
import { webhooksOf, type ServiceReference, type Webhook } from './registration.ts';
import { buildReview, parseReview, type ReviewAnswer } from './review.ts';

export interface WebhookAdmissionOptions {
  readonly reader: ResourceReader;
  readonly types: TypeRegistry;
  readonly clock: Clock;
  readonly logger: Logger;
}

const group = 'admissionregistration.k8s.io';
const mutating = 'mutatingwebhookconfigurations';
const validating = 'validatingwebhookconfigurations';

/** Calls the webhooks that are registered; the registrations themselves are shown to none. */
export class WebhookAdmission {
  readonly #options: WebhookAdmissionOptions;
  readonly #caller: WebhookCaller;
  readonly #stops: (() => void)[] = [];
  readonly #webhooks = new Map<string, Promise<readonly Webhook[]>>();

  constructor(options: WebhookAdmissionOptions) {
    this.#options = options;
    this.#caller = new WebhookCaller((reference) => this.#findService(reference), options.clock);
    const { reader } = options;
    for (const plural of [mutating, validating]) {
      const forget = (): void => void this.#webhooks.delete(plural);
      this.#stops.push(reader.watch(this.#type(group, plural), { namespace: '' }, reader.revision(), forget));
    }
  }

  /** To run after the plugins that fill in defaults. */
  mutatingPlugin(): AdmissionPlugin {
    return { name: 'MutatingAdmissionWebhook', mutate: (request) => this.#mutate(request) };
  }

  /** To run last: it sees what will be stored. */
  validatingPlugin(): AdmissionPlugin {
    return { name: 'ValidatingAdmissionWebhook', validate: (request) => this.#validate(request) };
  }

  close(): void {
    for (const stop of this.#stops) stop();
    this.#caller.close();
  }

  async #mutate(request: AdmissionRequest): Promise<void> {
    const matches = await this.#matching(mutating, request);
    const seen = new Map<Webhook, string>();
    for (const { webhook, version } of matches) {
      await this.#mutateBy(webhook, version, request);
      seen.set(webhook, JSON.stringify(request.object));
    }
    // Those that ask for it see the object once more where a later one has changed it.
    for (const { webhook, version } of matches) {
      if (webhook.reinvocationPolicy !== 'IfNeeded' || seen.get(webhook) === JSON.stringify(request.object))
        continue;
      await this.#mutateBy(webhook, version, request);
    }
  }

  async #mutateBy(webhook: Webhook, version: ServedVersion, request: AdmissionRequest): Promise<void> {
    const answer = await this.#review(webhook, version, request);
    const { object } = request;
    if (answer?.patch === undefined || object === undefined) return;
    const shown = { ...(version.fromStored?.(cloneJson(object)) ?? object) };
    const patched = jsonPatch(shown, answer.patch);
    if (!patched.ok) {
      const why = patched.problems.map(({ path, message }) => `${path}: ${message}`).join('; ');
      throw internalError(`admission webhook "${webhook.name}" sent a patch that cannot be applied: ${why}`);
    }
    const changed = patched.value as KubeObject;
    const stored = version.toStored?.(changed) ?? changed;
    for (const key of Object.keys(object)) if (key !== 'apiVersion') delete object[key];
    Object.assign(object, stored, { apiVersion: object.apiVersion });
  }

  async #validate(request: AdmissionRequest): Promise<void> {
    const matches = await this.#matching(validating, request);
    await Promise.all(matches.map(({ webhook, version }) => this.#review(webhook, version, request)));
  }

  /** The answer of a webhook that lets the call through; undefined where it gave none and that may be. */
  async #review(
    webhook: Webhook,
    version: ServedVersion,
    request: AdmissionRequest,
  ): Promise<ReviewAnswer | undefined> {
    if (request.context.dryRun && !['None', 'NoneOnDryRun'].includes(webhook.sideEffects ?? '')) {
      throw failure(400, 'BadRequest', `admission webhook "${webhook.name}" does not support dry run`);
    }
    let answer: ReviewAnswer;
    try {
      const { uid, body } = buildReview(webhook, request, version);
      answer = parseReview(await this.#caller.call(webhook, body), uid);
    } catch (error) {
      const why = `failed calling webhook "${webhook.name}": ${messageOf(error)}`;
      if (webhook.failurePolicy === 'Ignore') {
        this.#options.logger.warn(why);
        return undefined;
      }
      throw internalError(why);
    }
    for (const warning of answer.warnings) request.context.warn(warning);
    if (!answer.allowed) throw denial(webhook, answer);
    return answer;
  }

  async #matching(
    plural: string,
    request: AdmissionRequest,
  ): Promise<{ readonly webhook: Webhook; readonly version: ServedVersion }[]> {
    if (request.type.group === group) return [];
    const webhooks = await this.#load(plural);
    if (webhooks.length === 0) return [];
    const labels = await this.#namespaceLabels(request);
    return webhooks.flatMap((webhook) => {
      const version = matchWebhook(webhook, request, labels);
      return version === undefined ? [] : [{ webhook, version }];
    });
  }

  #load(plural: string): Promise<readonly Webhook[]> {
    const known = this.#webhooks.get(plural);
    if (known !== undefined) return known;
    const loading = this.#options.reader
      .list(this.#type(group, plural), { namespace: '' })
      .then(({ items }) => webhooksOf(items));
    this.#webhooks.set(plural, loading);
    return loading;
  }

  async #namespaceLabels(request: AdmissionRequest): Promise<Record<string, string> | undefined> {
    if (!request.type.namespaced) return undefined;
    const name = request.object?.metadata.namespace ?? request.namespace;
    const found = await this.#options.reader.get(this.#type('', 'namespaces'), '', name);
    return found.metadata.labels ?? {};
  }

  async #findService({
    namespace,
    name,
    port = 443,
  }: ServiceReference): Promise<{ host: string; port: number }> {
    const { reader } = this.#options;
    const service = (await reader.get(this.#type('', 'services'), namespace, name).catch((error: unknown) => {
      throw isStatus(error, 'NotFound')
        ? new Error(`failed to call webhook: service "${name}" not found`)
        : error;
    })) as Service;
    const host = service.spec.clusterIP;
    if (host === undefined || host === '' || host === 'None')
      throw new Error(`service "${name}" has no cluster address`);
    if (!(await this.#hasEndpoints(namespace, name))) {
      throw new Error(`failed to call webhook: no endpoints available for service "${name}"`);
    }
    return { host, port };
  }

  async #hasEndpoints(namespace: string, name: string): Promise<boolean> {
    const labelSelector = `kubernetes.io/service-name=${name}`;
    const { items } = await this.#options.reader.list(this.#type('discovery.k8s.io', 'endpointslices'), {
      namespace,
      labelSelector,
    });
    return items.some((slice) =>
      (slice as EndpointSlice).endpoints?.some(({ conditions }) => conditions?.ready !== false),
    );
  }

  #type(ofGroup: string, plural: string): ResourceType {
    const type = this.#options.types.findPlural(ofGroup, plural);
    if (type === undefined) throw new Error(`${plural} are not served`);
    return type;
  }
}

/** A refusal in the words of Kubernetes; the code and reason are the webhook's. */
function denial(webhook: Webhook, { status = {} }: ReviewAnswer): Error {
  const { message = '', reason = '' } = status;
  const why = message !== '' ? `: ${message}` : reason !== '' ? `: ${reason}` : ' without explanation';
  const code = Math.max(400, status.code ?? 0);
  return failure(
    code,
    reason === '' ? 'BadRequest' : reason,
    `admission webhook "${webhook.name}" denied the request${why}`,
  );
}
