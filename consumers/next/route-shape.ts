// What `next build` generates to check a route file, by hand: the handlers must fit what Next calls.
import type { NextRequest } from 'next/server'
import * as clock from './app/clock/route'

type Handler = (request: NextRequest, context: { params: Promise<object> }) => Response | Promise<Response>

clock satisfies { GET: Handler; dynamic: 'force-dynamic' }
