import {
  encodeDocument,
  encodeMessage,
  encodeMsg,
  encodeOn,
  encodeQuery,
  encodeReply,
} from '@lateen/proxy/mongo-messages';
import { typeOf } from '../../bootstrap.ts';
import type { CompareCase, Setup } from '../../case.ts';
import { answers, mongoSetup, says } from './setup.ts';

const query = (collection: string, id = 1): Buffer => encodeQuery(id, collection, { x: 'y' });
const told = (collection: string, operation: string): object => ({
  metadata: {
    filter: 'envoy.filters.network.mongo_proxy',
    path: [{ key: collection }],
    value: { list_match: { one_of: { string_match: { exact: operation } } } },
  },
});
const rbac = (rules: object, more: object = {}): object => ({
  name: 'rbac',
  typed_config: {
    '@type': typeOf('filters.network.rbac.v3.RBAC'),
    stat_prefix: 'gate.',
    ...(Object.keys(rules).length === 0 ? {} : { rules }),
    ...more,
  },
});
const policy = (permission: object): object => ({
  policies: { one: { permissions: [permission], principals: [{ any: true }] } },
});
const denies = { action: 'DENY', ...policy(told('db.secret', 'query')) };
const allows = { action: 'ALLOW', ...policy(told('db.open', 'query')) };
const continuous = { enforcement_type: 'CONTINUOUS' };
const long = encodeQuery(1, 'db.secret', { x: 'y'.repeat(300_000) });

const cases: readonly CompareCase[] = [
  says('what is open', [query('db.open'), { waitMs: 80 }]),
  says('what is secret', [query('db.secret'), { waitMs: 80 }]),
  says('what is secret after what is open', [
    query('db.open'),
    { waitMs: 80 },
    query('db.secret'),
    { waitMs: 80 },
  ]),
  says('both at once', [Buffer.concat([query('db.open'), query('db.secret')]), { waitMs: 80 }]),
  says('what is secret, first', [Buffer.concat([query('db.secret'), query('db.open')]), { waitMs: 80 }]),
  says('in two pieces', [
    query('db.secret').subarray(0, 30),
    { waitMs: 80 },
    query('db.secret').subarray(30),
    { waitMs: 80 },
  ]),
  says('long', [long, { waitMs: 150 }]),
  says('an insert', [encodeOn(1, 2002, 'db.secret', encodeDocument({ a: 1 })), { waitMs: 80 }]),
  says('garbage', ['GET / HTTP/1.1\r\n\r\n', { waitMs: 80 }]),
  says('garbage, then what is secret', [
    encodeMessage(1, 0, 77),
    { waitMs: 80 },
    query('db.secret'),
    { waitMs: 80 },
  ]),
  says('message of today', [encodeMsg(1, 0, { find: 'secret', $db: 'db' }), { waitMs: 80 }]),
  says('nothing', [{ end: true }]),
  says(
    'answered',
    [query('db.open'), { waitMs: 80 }, query('db.open', 2), { waitMs: 80 }],
    answers({ until: 'db.' }, encodeReply(1, [{}])),
  ),
  says('the server speaks first', [{ waitMs: 80 }, query('db.secret'), { waitMs: 80 }], answers('hello')),
];

const emits = { emit_dynamic_metadata: true };

/** What connections tell of themselves, and rules over it. */
export const policies: readonly Setup[] = [
  mongoSetup('told', emits, cases),
  mongoSetup('denied always', emits, cases, [rbac(denies, continuous)]),
  mongoSetup('denied at first', emits, cases, [rbac(denies)]),
  mongoSetup('allowed always', emits, cases, [rbac(allows, continuous)]),
  mongoSetup('allowed at first', emits, cases, [rbac(allows)]),
  mongoSetup('shadow', emits, cases.slice(0, 5), [
    rbac({}, { shadow_rules: denies, shadow_rules_stat_prefix: 'sh', ...continuous }),
  ]),
  mongoSetup('not told', {}, cases.slice(0, 3), [rbac(denies, continuous)]),
];
