/** Sets a store aside that LMDB must not map. */
export function setDamagedAside(_path: string): void {}
