/** One message of the socket. Those with a `seq` are events of the meeting; others are passing or private. */
export interface Message {
  seq?: number;
  /** Server time, ms UTC. */
  at: number;
  type: string;
  data: unknown;
}

/** What a page knows of the meeting; replaced as a whole, never changed in place. */
export type Snapshot = Readonly<Record<string, unknown>>;

/** The state after one message. Pure: the same snapshot and messages give the same state on every page. */
export function apply(snapshot: Snapshot, message: Message): Snapshot {
  return { ...snapshot, [message.type]: message.data };
}
