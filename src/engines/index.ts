export type { AppendOptions, Appended, Engine, History, Page, ReadOptions, StoredItem } from './engine.js'
export type { Pattern } from '../protocol/topic.js'
