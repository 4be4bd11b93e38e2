const serve = `server-sent serve [options]
  A hub on its own: GET /events?topic=a, POST /topics/a, GET /health, GET /stats.

  --port 5000             0 is any that is free
  --host 127.0.0.1        another address than loopback needs tokens, or --allow-anonymous
  --engine memory         where items are kept: memory, disk:DIR (needs the package lmdb), or redis://HOST:6379/0?hub=NAME
                          (rediss:// with TLS; needs the package redis or ioredis), which processes of many machines share
  --history-size 10000    items kept per topic
  --history-age 86400     for how many seconds
  --history-bytes 16777216  bytes of data kept per topic
  --new-epoch             once, after restoring a backup of DIR: ids from before are none of this store
  --allow-anonymous       lets everybody read and write on an address that others reach
  --cors-origin O         lets pages of this origin read and publish; may be repeated, * is any
  --allow-host H          answers for this host name, too; may be repeated
  --tls-cert F --tls-key F  PEM files: HTTPS, with HTTP/2

  --jwt-secret S          takes tokens signed with it (HS256); better in the environment, as SERVER_SENT_JWT_SECRET
  --jwks-url U            takes tokens signed with the keys found there (RS256, ES256, EdDSA); both need the package jose
  --jwt-issuer I --jwt-audience A  only those of this issuer, for this audience
  --jwt-cookie NAME       they may stand in this cookie
  --jwt-in-query          they may stand in ?access_token=, where logs show them

  --max-connections N     refuses more streams than that, in all
  --max-connections-per-principal N, --max-connections-per-address N
  --max-publishes-per-second N  by one principal, or from one address
  --trust-proxy           the last address in X-Forwarded-For is the client's
  --max-age S             ends streams after some S seconds; they come back
  --drain-within 5        at SIGTERM, ends the streams within so many seconds
  --workers 1             so many processes on one port, with --engine disk:DIR or redis://HOST

  At SIGTERM it sends its readers away, one after the other, and ends; at SIGINT, or a second signal, it ends at once.`

const tail = `server-sent tail URL [options]
  Prints what a stream sends, and reconnects by itself: server-sent tail 'http://localhost:5000/events?topic=a'

  --last-event-id ID      goes on after this one
  --header 'Name: value'  sends it, too; may be repeated
  --json                  one line of JSON per item: event, id, data`

const publish = `server-sent publish URL TOPIC [DATA|-] [options]
  Publishes to a hub and prints the id: server-sent publish http://localhost:5000 a hello
  Without DATA, or with -, the item is what comes on standard input, as it is.

  --lines                 each line of standard input is an item
  --event E               the event type
  --idempotency-key K     the same key and data again publish nothing
  --header 'Name: value'  sends it, too; may be repeated`

const bench = `server-sent bench URL [options]
  Opens many connections to a stream and counts what comes: server-sent bench 'http://localhost:5000/events?topic=a' -n 1000
  It reads in one process: from some 10,000 items a second on, or on the server's machine, you measure it, too.

  -n 100                  connections
  --duration 10           seconds, from when they are open
  --rate N                publishes so many items a second to the URL's first ?topic=, and tells how long they take`

/** What \`--help\` prints. */
export const HELP = {
  serve,
  tail,
  publish,
  bench,
  all: `server-sent: live updates over plain HTTP

${[serve, tail, publish, bench].map((text) => text.split('\n').slice(0, 2).join('\n')).join('\n\n')}

  server-sent COMMAND --help, server-sent --version`,
} as const
