import { randomUUID } from 'node:crypto'
import type { Migration } from '../database/migrate.js'

const TABLES = [
  // Which database this is: positions in the outbox mean nothing in another one.
  `CREATE TABLE store.identity (id text PRIMARY KEY)`,

  `CREATE TABLE store.categories (
    slug text PRIMARY KEY,
    name text NOT NULL,
    position int NOT NULL
  )`,
  `CREATE TABLE store.products (
    sku text PRIMARY KEY,
    name text NOT NULL,
    category text NOT NULL REFERENCES store.categories,
    price int NOT NULL CHECK (price > 0),
    was int,
    hue int NOT NULL,
    shape int NOT NULL,
    blurb text NOT NULL,
    position int NOT NULL
  )`,
  // Of its own, because its rows are written all the time. `version` counts the changes.
  `CREATE TABLE store.stock (
    sku text PRIMARY KEY REFERENCES store.products,
    pieces int NOT NULL CHECK (pieces >= 0),
    version int NOT NULL DEFAULT 0
  ) WITH (fillfactor = 50)`,

  `CREATE TABLE store.customers (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL UNIQUE,
    name text NOT NULL,
    password_hash text NOT NULL
  )`,
  `CREATE TABLE store.sessions (
    token_hash text PRIMARY KEY,
    id text NOT NULL UNIQUE,
    customer_id int NOT NULL REFERENCES store.customers,
    expires_at timestamptz NOT NULL
  )`,
  `CREATE INDEX ON store.sessions (expires_at)`,

  // `next_at`: when the next step is due; none for guests' orders, which nobody can follow, and at the end.
  `CREATE TABLE store.orders (
    id int GENERATED ALWAYS AS IDENTITY (START WITH 1001) PRIMARY KEY,
    key text NOT NULL UNIQUE,
    customer_id int REFERENCES store.customers,
    placed_at timestamptz NOT NULL,
    next_at timestamptz
  )`,
  `CREATE INDEX ON store.orders (customer_id, id) WHERE customer_id IS NOT NULL`,
  `CREATE INDEX ON store.orders (next_at) WHERE next_at IS NOT NULL`,
  `CREATE TABLE store.order_items (
    order_id int NOT NULL REFERENCES store.orders,
    sku text NOT NULL REFERENCES store.products,
    name text NOT NULL,
    quantity int NOT NULL CHECK (quantity > 0),
    price int NOT NULL,
    PRIMARY KEY (order_id, sku)
  )`,
  `CREATE TABLE store.order_steps (
    order_id int NOT NULL REFERENCES store.orders,
    position int NOT NULL,
    status text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (order_id, position)
  )`,

  `CREATE TABLE store.sales (
    id int PRIMARY KEY,
    sku text NOT NULL REFERENCES store.products,
    state text NOT NULL,
    starts_at timestamptz,
    ends_at timestamptz,
    total int NOT NULL,
    sold int NOT NULL DEFAULT 0,
    crowd int NOT NULL DEFAULT 0,
    watchers int NOT NULL DEFAULT 0
  )`,
  `CREATE SEQUENCE store.notice_ids`,

  // What has happened and the hub doesn't have yet. `supersedes`: a newer row of the same topic and word makes this one needless.
  `CREATE TABLE store.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    event text NOT NULL,
    data json NOT NULL,
    supersedes text
  )`,
  `CREATE FUNCTION store.tell_of_outbox() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      NOTIFY store_outbox;
      RETURN NULL;
    END
  $$`,
  `CREATE TRIGGER tell AFTER INSERT ON store.outbox FOR EACH STATEMENT EXECUTE FUNCTION store.tell_of_outbox()`,
]

export const tables: Migration = {
  name: 'tables',
  async up(tx) {
    for (const sql of TABLES) await tx.query(sql)
    await tx.query('INSERT INTO store.identity VALUES ($1)', [randomUUID()])
  },
}
