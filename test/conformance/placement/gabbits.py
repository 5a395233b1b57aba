"""Runs the declarative HTTP tests of the public placement project against a server that is not it.

    gabbits.py CHECKOUT PORT [NAME…]

CHECKOUT is a checkout of openstack/placement: its tests and fixtures are read from there at run time. Its fixtures fill a database through
objects of their own; here the same calls go through the HTTP API of the server. Prints one JSON object: by file, how many tests ran and which failed.
"""
import json
import os
import re
import shutil
import sys
import tempfile
import types
import unittest
import urllib.error
import urllib.request
import uuid

CHECKOUT, PORT, ONLY = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
FUNCTIONAL = os.path.join(CHECKOUT, 'placement', 'tests', 'functional')
BASE = 'http://127.0.0.1:%d' % PORT


def http(method, path, body=None, version='1.39'):
    request = urllib.request.Request(BASE + path, method=method, data=None if body is None else json.dumps(body).encode())
    for name, value in {'x-auth-token': 'admin', 'x-roles': 'admin,service', 'openstack-api-version': 'placement ' + version}.items():
        request.add_header(name, value)
    if body is not None:
        request.add_header('content-type', 'application/json')
    try:
        with urllib.request.urlopen(request) as answer:
            text = answer.read()
            return json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        raise Exception('%s %s: %s %s' % (method, path, error.code, error.read()))


def module(name, **content):
    made = types.ModuleType(name)
    made.__dict__.update(content)
    sys.modules[name] = made
    if '.' in name:
        parent, child = name.rsplit('.', 1)
        if parent not in sys.modules:
            module(parent)
        setattr(sys.modules[parent], child, made)
    return made


class Sentinels(object):
    """A uuid for every name, the same until the next fixture."""

    def __init__(self):
        self.known = {}

    def __getattr__(self, name):
        return self.known.setdefault(name, str(uuid.uuid4()))


class Anything(object):
    """What the fixtures make and only hand on."""

    def __init__(self, *_, **content):
        self.__dict__.update(content)

    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        return lambda *_, **__: Anything()


class ResourceClass(Anything):
    def create(self):
        http('PUT', '/resource_classes/' + self.name)


class Provider(object):
    def set_aggregates(self, aggregates):
        http('PUT', '/resource_providers/%s/aggregates' % self.uuid, list(aggregates), '1.18')


class Names(types.ModuleType):
    """os_traits and os_resource_classes: every constant is its own name."""

    def __getattr__(self, name):
        return name


sentinels = Sentinels()


def create_provider(_, name, *aggregates, **more):
    provider = Provider()
    provider.name = name
    provider.uuid = more.get('uuid') or getattr(sentinels, name)
    body = {'name': name, 'uuid': provider.uuid}
    if more.get('parent'):
        body['parent_provider_uuid'] = more['parent']
    http('POST', '/resource_providers', body)
    if aggregates:
        provider.set_aggregates(aggregates)
    return provider


def add_inventory(provider, resource_class, total, **more):
    more.setdefault('max_unit', total)
    if resource_class.startswith('CUSTOM_'):
        http('PUT', '/resource_classes/' + resource_class)
    http('POST', '/resource_providers/%s/inventories' % provider.uuid, dict(resource_class=resource_class, total=total, **more))


def set_traits(provider, *traits):
    for trait in traits:
        if trait.startswith('CUSTOM_'):
            http('PUT', '/traits/' + trait)
    generation = http('GET', '/resource_providers/' + provider.uuid)['generation']
    http('PUT', '/resource_providers/%s/traits' % provider.uuid, {'traits': list(traits), 'resource_provider_generation': generation})


def ensure_consumer(_, user, project, consumer_id=None):
    return Anything(uuid=consumer_id or str(uuid.uuid4()), user=user.external_id, project=project.external_id)


def set_allocation(_, provider, consumer, resources):
    held = http('GET', '/allocations/' + consumer.uuid, version='1.12')['allocations']
    allocations = {key: {'resources': value['resources']} for key, value in held.items()}
    allocations.setdefault(provider.uuid, {'resources': {}})['resources'].update(resources)
    http('PUT', '/allocations/' + consumer.uuid, {'allocations': allocations, 'project_id': consumer.project, 'user_id': consumer.user}, '1.12')


def create_user_and_project(_, prefix='fake'):
    return Anything(external_id=prefix + '-user'), Anything(external_id=prefix + '-project')


module(
    'placement.tests.functional.db.test_base',
    create_provider=create_provider,
    add_inventory=add_inventory,
    set_traits=set_traits,
    ensure_consumer=ensure_consumer,
    set_allocation=set_allocation,
    create_user_and_project=create_user_and_project,
)
for absent in '''oslo_config.cfg oslo_config.fixture oslo_log.fixture.logging_error oslo_policy.opts oslotest.output placement.conf placement.context
        placement.deploy placement.policies placement.tests.fixtures placement.tests.functional.fixtures.capture placement.tests.unit.policy_fixture
        oslo_utils.fixture oslo_utils.uuidutils placement.objects.project placement.objects.user placement.objects.resource_class'''.split():
    if absent not in sys.modules:
        module(absent)
sys.modules['oslo_utils.fixture'].uuidsentinel = sentinels
sys.modules['oslo_utils.uuidutils'].generate_uuid = lambda: str(uuid.uuid4())
sys.modules['placement.objects.project'].Project = Anything
sys.modules['placement.objects.user'].User = Anything
sys.modules['placement.objects.resource_class'].ResourceClass = ResourceClass
for constants in ('os_traits', 'os_resource_classes'):
    sys.modules[constants] = Names(constants)

fixtures = module('published_fixtures')
with open(os.path.join(FUNCTIONAL, 'fixtures', 'gabbits.py')) as source:
    exec(compile(source.read(), 'gabbits.py', 'exec'), fixtures.__dict__)

IDS = '''RP_UUID RP_NAME RP_UUID1 RP_NAME1 RP_UUID2 RP_NAME2 PROJECT_ID ADMIN_PROJECT_ID SERVICE_PROJECT_ID USER_ID PROJECT_ID_ALT USER_ID_ALT
    INSTANCE_UUID MIGRATION_UUID CONSUMER_UUID PARENT_PROVIDER_UUID ALT_PARENT_PROVIDER_UUID'''.split()
POLICIES = {'OpenPolicyFixture': 'open', 'SecureRBACPolicyFixture': 'secure', 'CORSFixture': 'cors'}


def start_fixture(self):
    sentinels.known.clear()
    for name in IDS:
        os.environ[name] = str(uuid.uuid4())
    for number in ('', '1', '2'):
        os.environ['CUSTOM_RES_CLASS' + number] = 'CUSTOM_IRON_NFV' + number
    urllib.request.urlopen(BASE + '/__reset?policy=' + POLICIES.get(type(self).__name__, 'legacy')).read()
    self.context = None


for name in ('APIFixture', 'OpenPolicyFixture', 'CORSFixture'):
    getattr(fixtures, name).start_fixture = start_fixture
    getattr(fixtures, name).stop_fixture = lambda self: None

from gabbi import driver  # noqa: E402
from gabbi.handlers import core  # noqa: E402


def expect_string(_, test, expected, value=None):
    """Strings between slashes are regular expressions, as later versions of gabbi read them; bytes that are no JSON are read as text."""
    expected = test.replace_template(expected)
    output = test.output.decode() if isinstance(test.output, bytes) else test.output
    if len(expected) > 1 and expected.startswith('/') and expected.endswith('/'):
        test.assertRegex(output, expected[1:-1])
    else:
        test.assertIn(expected, output)


core.StringResponseHandler.action = expect_string

directory = os.path.join(FUNCTIONAL, 'gabbits')
if ONLY:
    chosen = tempfile.mkdtemp()
    for name in ONLY:
        shutil.copy(os.path.join(directory, name + '.yaml'), chosen)
    directory = chosen
suite = driver.build_tests(
    directory, unittest.TestLoader(), host='127.0.0.1', port=PORT, fixture_module=fixtures, test_loader_name='gabbits', safe_yaml=False
)


def tests_of(of):
    for one in of:
        if isinstance(one, unittest.TestSuite):
            yield from tests_of(one)
        else:
            yield one


files = sorted((name[:-5] for name in os.listdir(directory) if name.endswith('.yaml')), key=len, reverse=True)


def file_of(test):
    name = type(test).__name__
    return next((file for file in files if re.sub(r'^gabbits_', '', name).startswith(file + '_')), name)


counts = {}
for test in tests_of(suite):
    if 'gabbi.suitemaker' in type(test).__module__ or hasattr(test, 'test_data'):
        counts.setdefault(file_of(test), {'tests': 0, 'failed': []})['tests'] += 1
with open(os.devnull, 'w') as nowhere:
    result = unittest.TextTestRunner(verbosity=0, stream=nowhere).run(suite)
for test, trace in result.failures + result.errors:
    counts.setdefault(file_of(test), {'tests': 0, 'failed': []})['failed'].append([type(test).__name__, trace[-2000:]])
print(json.dumps({'ran': result.testsRun, 'failed': len(result.failures) + len(result.errors), 'files': counts}))
