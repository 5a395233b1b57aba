import { expect, test } from 'vitest';
import { closingTable } from '../test/conformance/closing-table.ts';
import { readSubunit } from '../test/conformance/tempest/subunit.ts';
import { verdictsOf } from '../test/conformance/tempest/verdicts.ts';

const part = (name: string, text: string): string =>
  `Content-Type: text/plain;charset=utf8\n${name}\n${Buffer.byteLength(text).toString(16).toUpperCase()}\r\n${text}0\r\n`;
const stream = Buffer.from(
  [
    'time: 2026-11-21 02:58:28.571655Z\ntags: worker-1\n',
    'test: setUpClass (tempest.api.compute.admin.test_agents.AgentsAdminTestJSON)\n',
    `skip: setUpClass (tempest.api.compute.admin.test_agents.AgentsAdminTestJSON) [ multipart\n${part('reason', 'gone — é')}]\n`,
    `successful: tempest.api.compute.flavors.test_flavors.A.test_one[id-1,smoke] [ multipart\n${part("pythonlogging:''", 'failure: not one\n]\n')}]\n`,
    `failure: tempest.api.compute.flavors.test_flavors.A.test_two[id-2] [ multipart\n${part('traceback', 'Traceback:\n  File "x", line 1\ntempest.lib.exceptions.BadRequest: Bad request\nDetails: {code: 400}\n')}]\n`,
    'failure: tearDownClass (tempest.api.compute.flavors.test_flavors.A) [\nTraceback:\nValueError: in use\n]\n',
  ].join(''),
);
const listed = [
  'tempest.api.compute.admin.test_agents.AgentsAdminTestJSON.test_list[id-3]',
  'tempest.api.compute.flavors.test_flavors.A.test_one[id-1,smoke]',
  'tempest.api.compute.flavors.test_flavors.A.test_two[id-2]',
  'tempest.api.compute.flavors.test_flavors.A.test_unheard[id-4]',
];

test('a stream of Subunit is read with what is attached, whatever that looks like', () => {
  expect(readSubunit(stream).map(({ test: name, status, attachments }) => [name.slice(-12), status, [...attachments.keys()]])).toEqual([
    ['minTestJSON)', 'skip', ['reason']],
    ['[id-1,smoke]', 'successful', ["pythonlogging:''"]],
    ['st_two[id-2]', 'failure', ['traceback']],
    ['t_flavors.A)', 'failure', ['traceback']],
  ]);
});

test('every listed test gets a verdict: its own, or that of its class, or none was heard', () => {
  expect(
    verdictsOf(listed, readSubunit(stream)).map(({ name, outcome, reason }) => [name.split('.').slice(-2).join('.'), outcome, reason]),
  ).toEqual([
    ['AgentsAdminTestJSON.test_list', 'skipped', 'gone — é'],
    ['A.tearDownClass', 'failed', 'ValueError: in use'],
    ['A.test_one', 'passed', ''],
    ['A.test_two', 'failed', 'tempest.lib.exceptions.BadRequest: Bad request Details: {code: 400}'],
    ['A.test_unheard', 'failed', 'nothing was heard of it'],
  ]);
});

test('a run is good when every failure and every skip has its reason', () => {
  const verdicts = verdictsOf(listed, readSubunit(stream));
  const reasons = [
    { outcome: 'skipped', says: /gone/, because: 'it left Nova' },
    { outcome: 'failed', name: /A\.(tearDownClass|test_unheard)$/, because: 'known' },
  ] as const;
  const open = closingTable([{ suite: 'tempest', verdicts, expectations: reasons }]);
  expect(open.good).toBe(false);
  expect(open.text).toContain('it left Nova (1)');
  expect(open.text).toContain('1 passed, 3 failed, 1 skipped');
  const closed = closingTable([
    { suite: 'tempest', verdicts, expectations: [...reasons, { outcome: 'failed', says: /Bad request/, because: 'so it is' }] },
  ]);
  expect(closed.good).toBe(true);
});
