export interface Packed {
  readonly tarball: string
  readonly unpacked: string
}

export function withPacked<T>(use: (packed: Packed) => Promise<T>): Promise<T>
