import type { SettingsTable } from '@tocsin/service-kit'

/** The table without those settings that the command decides by itself. */
export function without<Table extends SettingsTable, Name extends keyof Table & string>(
  table: Table,
  ...names: readonly Name[]
): Omit<Table, Name> {
  const left: readonly string[] = names
  // What is left has the types it had.
  return Object.fromEntries(Object.entries(table).filter(([name]) => !left.includes(name))) as Omit<Table, Name>
}
