// A CommonJS file of a TypeScript project: the package has only ES modules, which Node can require() since 20.19.
import serverSent = require('server-sent')
import node = require('server-sent/node')

const item: serverSent.SseItem<number> = new serverSent.SseItem(1)
const response: Response = serverSent.sse([item])
export = { response, sendSse: node.sendSse }
