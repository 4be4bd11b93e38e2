export type { AppendOptions, Appended, Engine, History, Page, Passed, ReadOptions, StoredItem } from './engine.js'
export type { Nodes } from './nodes.js'
export type { Pattern } from '../protocol/topic.js'
