import assert from 'node:assert/strict';
import { test } from 'node:test';
import { locateProblems, parseManifests } from './parse-manifests.ts';

const two = `# a comment
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
spec:
  http:
  - match:
    - headers:
        end-user:
          exact: jason
    route:
      - destination: {host: reviews, subset: v2}
---
apiVersion: v1
kind: List
items:
- kind: Service
  spec: {ports: [{port: 0}]}
`;

test('each document says where its fields stand', () => {
  const { documents, problems } = parseManifests(two, 'a.yaml');
  assert.deepEqual(problems, []);
  assert.equal(documents.length, 2);
  assert.deepEqual(documents[0]!.locate('spec.http[0].match[0].headers["end-user"].exact'), {
    line: 11,
    column: 11,
  });
  assert.deepEqual(documents[0]!.locate('spec.http[0].route[0].destination.subset'), {
    line: 13,
    column: 38,
  });
  assert.deepEqual(documents[0]!.locate('spec.http[0].nosuch.field'), { line: 8, column: 5 });
  assert.deepEqual(documents[0]!.locate(''), { line: 2, column: 1 });
});

test('the items of a List are documents of their own, found in the file', () => {
  const { documents } = parseManifests(two, 'a.yaml');
  assert.equal(documents[1]!.object['kind'], 'Service');
  assert.deepEqual(documents[1]!.locate('spec.ports[0].port'), { line: 19, column: 19 });
});

test('scalars are read as Kubernetes reads them', () => {
  const { documents } = parseManifests(
    'a: yes\nb: 0644\nc: 2019-01-01\nd: "yes"\ne: 22:22\nf: 0.1\ng: 1e3\n',
    'x',
  );
  assert.deepEqual(documents[0]!.object, {
    a: true,
    b: 420,
    c: '2019-01-01',
    d: 'yes',
    e: '22:22',
    f: 0.1,
    g: 1000,
  });
});

test('a document that is not YAML is named with its line and leaves the others', () => {
  const { documents, problems } = parseManifests('a: 1\n---\nb: [1\n---\nc: 2\n', 'x.yaml');
  assert.deepEqual(
    documents.map((d) => d.object),
    [{ a: 1 }, { c: 2 }],
  );
  assert.equal(problems[0]!.file, 'x.yaml');
  assert.ok((problems[0]!.line ?? 0) >= 3);
});

test('a key that is written twice is a problem, not the last one winning', () => {
  const { problems } = parseManifests('spec:\n  host: a\n  host: b\n', 'x');
  assert.equal(problems[0]!.line, 3);
});

test('empty documents and comments are no objects', () => {
  assert.deepEqual(parseManifests('---\n# nothing\n---\n\n', 'x'), { documents: [], problems: [] });
});

test('problems are placed at their fields', () => {
  const { documents } = parseManifests(two, 'a.yaml');
  const [placed] = locateProblems(documents[0]!, [{ path: 'spec.http[0].route', message: 'wrong' }]);
  assert.deepEqual(placed, {
    path: 'spec.http[0].route',
    message: 'wrong',
    file: 'a.yaml',
    line: 12,
    column: 5,
  });
});

test('each document keeps its own text, comments included', () => {
  const { documents } = parseManifests('# top\na: 1 # one\n---\n# two\nb: 2\n---\n', 'x');
  assert.deepEqual(
    documents.map(({ source }) => source),
    ['# top\na: 1 # one\n', '# two\nb: 2\n'],
  );
});
