export * from './index.js'
export { sendSse } from './respond/node.js'
export type { NodeRequest, NodeResponse } from './respond/node.js'
export { nodeHandler } from './respond/node-handler.js'
