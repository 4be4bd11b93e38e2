import type { Migration } from '../database/migrate.js'
import { tables } from './001-tables.js'
import { catalogue } from './002-catalogue.js'
import { accounts } from './003-accounts.js'

/** In order. What was released is never changed: the next change is the next number. */
export const migrations: readonly Migration[] = [tables, catalogue, accounts]
