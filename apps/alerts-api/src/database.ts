import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, readdir } from 'node:fs/promises'
import pg from 'pg'

/** Where a statement can be sent: the pool, or one transaction. */
export interface Queryable {
  /**
   * The rows that the statement answers; `bigint` columns as numbers, `json` ones parsed.
   * @throws {DatabaseUnavailableError} the server cannot be reached or has no space: try again.
   */
  query<Row>(text: string, values?: readonly unknown[]): Promise<readonly Row[]>
}

/** PostgreSQL. The only door to `pg`. */
export interface Database extends Queryable {
  /** Runs `work` in one transaction: committed when it is done, rolled back when it throws. */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** The server is away, starting, stopping or full. Nothing of the transaction was stored, or it is not known. */
export class DatabaseUnavailableError extends Error {
  readonly code = 'API_DATABASE_UNAVAILABLE'
  readonly handling = 'retry'
  readonly remedy =
    'Check that PostgreSQL runs at TOCSIN_DATABASE_URL and has space on its disk; the work goes on by itself.'
  constructor(what: string, options?: ErrorOptions) {
    super(`PostgreSQL does not take statements: ${what}.`, options)
  }
}

/** The address is right and the server refuses: no waiting mends it. */
export class DatabaseRefusedError extends Error {
  readonly code = 'API_DATABASE_REFUSED'
  readonly handling = 'stop'
  readonly remedy = 'Correct user, password and database name in TOCSIN_DATABASE_URL; the database must exist.'
  constructor(what: string, options?: ErrorOptions) {
    super(`PostgreSQL refuses the connection: ${what}.`, options)
  }
}

export class MigrationMismatchError extends Error {
  readonly code = 'API_MIGRATION_MISMATCH'
  readonly handling = 'stop'
  readonly remedy = 'Run the version of Tocsin that this database was last used with, or a newer one.'
  constructor(name: string, how: string, options?: ErrorOptions) {
    super(`The database's migration "${name}" ${how}.`, options)
  }
}

export interface DatabaseOptions {
  /** `postgresql://user:password@host:port/database` */
  readonly url: string
  /** Default 10. */
  readonly maxConnections?: number
  /** How long a connection may take. Default 5,000. */
  readonly connectTimeoutMs?: number
  /** A statement that takes longer is cancelled. Default 60,000. */
  readonly statementTimeoutMs?: number
}

/**
 * A pool of connections to a database that has every migration of `sql/`, in order: those that lack are run now, in one
 * transaction, by one process at a time.
 * @throws {DatabaseUnavailableError} @throws {DatabaseRefusedError} @throws {MigrationMismatchError}
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { url, maxConnections = 10, connectTimeoutMs = 5_000, statementTimeoutMs = 60_000 } = options
  const pool = new pg.Pool({
    connectionString: url,
    max: maxConnections,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    application_name: 'tocsin-alerts-api',
    types: { getTypeParser: typeParser },
  })
  // An idle connection that the server ends; the next statement opens another, or says that it cannot.
  pool.on('error', () => {})

  const on = (client: pg.Pool | pg.PoolClient): Queryable => ({
    query: async <Row>(text: string, values: readonly unknown[] = []) => {
      try {
        const result = await client.query(text, [...values])
        return result.rows as readonly Row[] // the statement, beside the caller's type, says what its rows are
      } catch (cause) {
        throw classify(cause)
      }
    },
  })
  const database: Database = {
    ...on(pool),
    transaction: async (work) => {
      let client: pg.PoolClient
      try {
        client = await pool.connect()
      } catch (cause) {
        throw classify(cause)
      }
      // A connection lost between two statements is told by the next statement.
      const ignore = () => {}
      client.on('error', ignore)
      const tx = on(client)
      try {
        await tx.query('begin')
        const result = await work(tx)
        await tx.query('commit')
        client.release()
        return result
      } catch (error) {
        const broken = await tx.query('rollback').then(
          () => false,
          () => true,
        )
        client.release(broken)
        throw error
      } finally {
        client.off('error', ignore)
      }
    },
    close: () => pool.end(),
  }
  try {
    await migrate(database, await readMigrations())
  } catch (error) {
    await database.close()
    throw error
  }
  return database
}

/** Creates `name` beside the database of `url` unless it is there, and gives its address. */
export async function createDatabase(url: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  try {
    await client.connect()
    await client.query(`create database ${client.escapeIdentifier(name)}`)
  } catch (cause) {
    if (sqlState(cause) !== '42P04') throw classify(cause)
  } finally {
    await client.end()
  }
  const address = new URL(url)
  address.pathname = `/${name}`
  return address.href
}

interface Migration {
  readonly name: string
  readonly sql: string
  readonly sha256: string
}

/** The files of `sql/`, by name. The folder is two levels up when this file runs from `dist/src`. */
async function readMigrations(): Promise<readonly Migration[]> {
  const places = ['../sql/', '../../sql/'].map((path) => new URL(path, import.meta.url))
  const folder = places.find((place) => existsSync(place))
  if (folder === undefined) throw new Error(`The folder sql is missing beside ${import.meta.url}.`)
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort()
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(new URL(name, folder), 'utf8')
      return { name, sql, sha256: createHash('sha256').update(sql.replaceAll('\r\n', '\n')).digest('hex') }
    }),
  )
}

const migrationLock = 4_680_001

async function migrate(database: Database, migrations: readonly Migration[]): Promise<void> {
  await database.transaction(async (tx) => {
    await tx.query('select pg_advisory_xact_lock($1)', [migrationLock])
    await tx.query(
      `create table if not exists migrations (
         name text primary key, sha256 text not null, applied_at timestamptz not null default now())`,
    )
    const applied = await tx.query<{ name: string; sha256: string }>(
      'select name, sha256 from migrations order by name',
    )
    for (const { name, sha256 } of applied) {
      const known = migrations.find((migration) => migration.name === name)
      if (known === undefined) throw new MigrationMismatchError(name, 'is not known to this build, which is older')
      if (known.sha256 !== sha256) throw new MigrationMismatchError(name, 'was run with another content')
    }
    for (const { name, sql, sha256 } of migrations.slice(applied.length)) {
      await tx.query(sql)
      await tx.query('insert into migrations (name, sha256) values ($1, $2)', [name, sha256])
    }
  })
}

const int8 = pg.types.builtins.INT8
const parseBigint = (text: string): number => {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new RangeError(`The database's bigint ${text} is beyond 2^53.`)
  return value
}
const typeParser: pg.CustomTypesConfig['getTypeParser'] = (oid, format): unknown =>
  oid === int8 ? parseBigint : pg.types.getTypeParser(oid, format)

const sqlState = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''

/** 08 connection, 53 resources (full disk, too many connections), 57P server going or coming, 40 to be run again. */
const passing = /^(?:08|53|57P0[1-5]|40|55P03|57014|25006)/
/** 28 wrong user or password, 3D000 no such database. */
const refused = /^(?:28|3D000)/
const network = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH'])

/** Tells what passes by itself from what does not; anything else is a bug of ours and stays as it is. */
function classify(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  // Several addresses of one host failed: each of them says why.
  const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : [error]
  const code = errors.map(sqlState).find((one) => one !== '') ?? ''
  const said = errors.map((one) => (one instanceof Error ? one.message : String(one))).join('; ')
  if (refused.test(code)) return new DatabaseRefusedError(said, { cause: error })
  // pg gives a connection that ended or took too long no code, only these words.
  const ended = code === '' && /connection|timeout/i.test(said)
  if (passing.test(code) || network.has(code) || ended) return new DatabaseUnavailableError(said, { cause: error })
  return error
}
