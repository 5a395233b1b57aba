import { randomUUID } from 'node:crypto';
import { expect, inject, onTestFinished, test } from 'vitest';
import { temporaryDatabase } from '../../../test/support/database.ts';
import { createDatabase, dropDatabase, ensureDatabase, withConnection } from './databases.ts';

const server = inject('postgresUrl');

function name(): string {
  const chosen = `odd "name" % ${randomUUID()}`;
  onTestFinished(() => dropDatabase(server, chosen));
  return chosen;
}

const databaseOf = (url: string): Promise<unknown> =>
  withConnection(url, async (client) => (await client.query<{ name: string }>('SELECT current_database() AS name')).rows[0]?.name);

test('a database is made once, whoever asks, and its address leads to it', async () => {
  const wanted = name();
  const urls = await Promise.all([ensureDatabase(server, wanted), ensureDatabase(server, wanted), ensureDatabase(server, wanted)]);
  expect(await databaseOf(urls[0])).toBe(wanted);
  await expect(createDatabase(server, wanted)).rejects.toThrow('already exists');
});

test('a database is removed under the feet of whoever uses it', async () => {
  const wanted = name();
  const url = await createDatabase(server, wanted);
  await withConnection(url, async (client) => {
    await dropDatabase(server, wanted);
    await expect(client.query('SELECT 1')).rejects.toThrow();
  });
  await dropDatabase(server, wanted);
  await expect(withConnection(url, (client) => client.query('SELECT 1'))).rejects.toThrow('PostgreSQL does not answer');
});

const pets = (url: string): Promise<unknown> => withConnection(url, async (client) => (await client.query('SELECT name FROM pets')).rows);

test('temporary databases are copies of one template, made once though its maker stays connected', async () => {
  let made = 0;
  const migrate = async (url: string): Promise<void> => {
    made++;
    const leftOpen = withConnection(url, async (client) => {
      await client.query('CREATE TABLE pets (name text)');
      await client.query("INSERT INTO pets VALUES ('Rex')");
      await client.query('SELECT pg_sleep(60)').catch(() => undefined);
    });
    void leftOpen.catch(() => undefined);
    await expect
      .poll(() =>
        withConnection(url, (client) => client.query('SELECT FROM pets')).then(
          (result) => result.rowCount,
          () => 0,
        ),
      )
      .toBe(1);
  };
  const key = `pets_${randomUUID().slice(0, 8)}`;
  const [one, two] = await Promise.all([temporaryDatabase(migrate, key), temporaryDatabase(migrate, key)]);
  await withConnection(one.url, (client) => client.query("INSERT INTO pets VALUES ('Mia')"));
  expect(await pets(one.url)).toEqual([{ name: 'Rex' }, { name: 'Mia' }]);
  expect(await pets(two.url)).toEqual([{ name: 'Rex' }]);
  expect(made).toBe(1);
  await one.drop();
  await two.drop();
});
