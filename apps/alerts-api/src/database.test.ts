import { beforeAll, describe, expect, test } from 'vitest'
import { emptyDatabase } from '../testing/index.ts'
import { DatabaseRefusedError, DatabaseUnavailableError, MigrationMismatchError, openDatabase } from './database.ts'

let url: string
beforeAll(async () => {
  url = await emptyDatabase()
})

describe('openDatabase', () => {
  test('default: runs the migrations once, however many processes open it at once', async () => {
    const databases = await Promise.all([openDatabase({ url }), openDatabase({ url }), openDatabase({ url })])
    const names = await databases[0].query<{ name: string }>('select name from migrations order by name')
    expect(names.map(({ name }) => name)).toEqual(['0001-alerts.sql', '0002-webhooks.sql'])
    await Promise.all(databases.map((database) => database.close()))
  })

  test('behavior: a transaction that throws leaves nothing', async () => {
    const database = await openDatabase({ url })
    const insert = `insert into positions values ('t', 0, 1)`
    await expect(
      database.transaction(async (tx) => {
        await tx.query(insert)
        throw new Error('changed my mind')
      }),
    ).rejects.toThrow('changed my mind')
    expect(await database.query('select * from positions')).toEqual([])
    await database.close()
  })

  test('error: a server that is not there, to be waited for', async () => {
    const nowhere = new URL(url)
    nowhere.port = '1'
    await expect(openDatabase({ url: nowhere.href })).rejects.toThrow(DatabaseUnavailableError)
  })

  test.each([
    ['a wrong password', (wrong: URL) => (wrong.password = 'wrong'), 'password authentication failed'],
    ['a database that does not exist', (wrong: URL) => (wrong.pathname = '/nowhere'), '"nowhere" does not exist'],
  ])('error: %s, not to be waited for', async (_, change, message) => {
    const wrong = new URL(url)
    change(wrong)
    const opening = openDatabase({ url: wrong.href })
    await expect(opening).rejects.toThrow(DatabaseRefusedError)
    await expect(opening).rejects.toThrow(message)
  })

  test.each([
    ['of a newer version', `insert into migrations values ('9999-later.sql', '')`, '"9999-later.sql" is not known'],
    ['with another content', `update migrations set sha256 = ''`, '"0001-alerts.sql" was run with another content'],
  ])('error: migrations %s', async (_, change, message) => {
    const own = await emptyDatabase()
    const database = await openDatabase({ url: own })
    await database.query(change)
    await database.close()
    const opening = openDatabase({ url: own })
    await expect(opening).rejects.toThrow(MigrationMismatchError)
    await expect(opening).rejects.toThrow(message)
  })
})
