import { ACCOUNTS } from '../accounts.js'
import type { Migration } from '../database/migrate.js'
import { hashPassword } from '../passwords.js'

export const accounts: Migration = {
  name: 'accounts',
  async up(tx) {
    for (const { email, name, password } of ACCOUNTS) {
      await tx.query(
        'INSERT INTO store.customers (email, name, password_hash) VALUES ($1, $2, $3)',
        [email, name, await hashPassword(password)],
      )
    }
  },
}
