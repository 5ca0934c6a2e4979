/** One of the cells of a table: its key, or the cell itself where that is in memory, so that it need not be looked up. */
export type CellRef = string | { readonly key: string }

export const keyOf = (cell: CellRef): string => (typeof cell === 'string' ? cell : cell.key)
