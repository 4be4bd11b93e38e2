// nginx with Nchan: readers come to its subscriber location, items to its publisher location, over one connection of the runner.
import { mkdtempSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { start } from './processes.mjs'
import { createItems, publishAll } from './servers/serve.mjs'

export async function startNchan(folder, module) {
  const port = await freePort()
  const prefix = mkdtempSync(join(folder, 'nchan-'))
  writeFileSync(join(prefix, 'nginx.conf'), configuration(port, prefix, module))
  const nginx = start('nginx', ['-p', prefix, '-e', 'stderr', '-c', join(prefix, 'nginx.conf')])
  try {
    const publisher = await openPublisher(port)
    const items = createItems()
    return {
      pid: nginx.pid,
      port,
      publish: (...asked) => publishAll(publisher.publish, items, ...asked),
      collect: async () => {},
      async stop() {
        publisher.close()
        await nginx.stop()
      },
    }
  } catch (error) {
    await nginx.stop()
    throw error
  }
}

function configuration(port, prefix, module) {
  return `
    daemon off;
    load_module ${module};
    ${process.getuid() === 0 ? 'user root;' : ''}
    worker_processes 1;
    worker_rlimit_nofile 20000;
    pid ${prefix}/nginx.pid;
    error_log stderr warn;
    events { worker_connections 19000; }
    http {
      access_log off;
      client_body_temp_path ${prefix}/body; proxy_temp_path ${prefix}/proxy; fastcgi_temp_path ${prefix}/fastcgi;
      uwsgi_temp_path ${prefix}/uwsgi; scgi_temp_path ${prefix}/scgi;
      client_body_in_single_buffer on;
      keepalive_requests 10000000;
      keepalive_timeout 1h;
      nchan_shared_memory_size 256M;
      server {
        listen 127.0.0.1:${port} backlog=4096;
        location = /events {
          nchan_subscriber eventsource;
          nchan_channel_id $arg_topic;
          nchan_subscriber_first_message newest;
          nchan_subscriber_timeout 0;
        }
        location ~ ^/topics/(.+)$ {
          nchan_publisher http;
          nchan_channel_id $1;
          nchan_message_buffer_length 20000;
          nchan_message_timeout 10m;
        }
      }
    }`
}

/** Publishes over one connection, without waiting for the answers: they come in the order of the requests. */
async function openPublisher(port) {
  const socket = await connected(port)
  const waiting = []
  let text = ''
  socket.setNoDelay(true)
  socket.setEncoding('latin1').on('data', (part) => {
    text += part
    for (let end; (end = text.indexOf('\r\n\r\n')) >= 0;) {
      const head = text.slice(0, end)
      const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0)
      if (text.length < end + 4 + length) return
      text = text.slice(end + 4 + length)
      const { resolve, reject } = waiting.shift()
      if (/^HTTP\/1.1 20/.test(head)) resolve()
      else reject(new Error(`Nchan has refused an item: ${head}`))
    }
  })
  return {
    publish(topic, data) {
      socket.write(
        `POST /topics/${topic} HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain\r\nContent-Length: ${data.length}\r\n\r\n${data}`,
      )
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }))
    },
    close: () => socket.destroy(),
  }
}

async function connected(port) {
  for (let tries = 0; ; tries++) {
    try {
      return await new Promise((resolve, reject) => {
        const socket = connect(port, '127.0.0.1', () => resolve(socket))
        socket.once('error', reject)
      })
    } catch (error) {
      if (tries === 100) throw error
      await setTimeout(50)
    }
  }
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}
