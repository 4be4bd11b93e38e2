// better-sse as its documentation has it: a session for each client, registered with the channel of its topic.
import { createServer } from 'node:http'
import { createChannel, createSession } from 'better-sse'
import { serve } from './serve.mjs'

const channel = createChannel()

// Without the serializer, texts would be JSON.
const server = createServer((req, res) => {
  void createSession(req, res, { serializer: String }).then((session) => channel.register(session))
})

serve(server, (topic, data) => channel.broadcast(data))
