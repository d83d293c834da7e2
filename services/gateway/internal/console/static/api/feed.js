// The feed of a collection, as a stream of server-sent events that goes on
// where it broke off.
import { open } from "./call.js";
import { isAbort, Problem } from "./problem.js";

/** @typedef {import("./types.js").ChangeEvent} ChangeEvent */
/** @typedef {import("./types.js").Collection} Collection */

/**
 * Splits what is read of a stream into its messages. Returns the cursor, type
 * and data of each that is complete, and what is left.
 * @param {string} text
 */
export function messages(text) {
  const blocks = text.split("\n\n");
  const rest = blocks.pop() ?? "";
  const found = blocks.map((block) => {
    const message = { id: "", data: "" };
    for (const line of block.split("\n")) {
      const [, field, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
      if (field === "id" || field === "data") {
        message[field] += value;
      }
    }
    return message;
  });
  return { found, rest };
}

/**
 * @typedef {object} FollowOptions
 * @property {string} [after] the cursor to begin behind
 * @property {string} [since] the time to begin at, in RFC 3339
 * @property {AbortSignal} signal ends the stream
 * @property {(events: ChangeEvent[]) => void} onEvents takes what was read at once, in order
 * @property {(state: FeedState) => void} onState
 */

/** @typedef {{live: boolean, problem: Problem | null}} FeedState */

const silence = 40_000; // a live stream says something every 15 s

/**
 * Reads one stream to its end and returns the cursor to go on from.
 * @param {Collection} collection
 * @param {FollowOptions & {cursor: string}} options
 */
async function readStream(
  collection,
  { cursor, since, signal, onEvents, onState },
  moved = (/** @type {string} */ _) => {},
) {
  const watch = new AbortController();
  const both = AbortSignal.any([signal, watch.signal]);
  let timer = setTimeout(() => watch.abort(), silence);
  try {
    const answer = await open("GET", `/v1/events/${collection}`, {
      query: cursor ? {} : { since },
      headers: { Accept: "text/event-stream", ...(cursor && { "Last-Event-ID": cursor }) },
      signal: both,
    });
    onState({ live: true, problem: null });
    const reader = /** @type {ReadableStream<Uint8Array>} */ (answer.body).getReader();
    const decoder = new TextDecoder();
    let text = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) {
        return;
      }
      clearTimeout(timer);
      timer = setTimeout(() => watch.abort(), silence);
      const { found, rest } = messages(text + decoder.decode(value, { stream: true }));
      text = rest;
      const last = found.findLast((message) => message.id);
      if (last) {
        moved(last.id);
      }
      const events = found.filter((message) => message.data).map((message) => JSON.parse(message.data));
      if (events.length > 0) {
        onEvents(events);
      }
    }
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Follows the feed of a collection until the signal ends it: over breaks of the
 * connection and restarts of the server, without a gap. Gives up if the caller
 * may not read it, or if the cursor has expired.
 * @param {Collection} collection
 * @param {FollowOptions} options
 */
export async function follow(collection, options) {
  const { signal, onState } = options;
  let cursor = options.after ?? "";
  let pause = 250;
  while (!signal.aborted) {
    /** @type {Problem | null} */
    let problem = null;
    try {
      await readStream(collection, { ...options, cursor }, (id) => {
        cursor = id;
        pause = 250;
      });
    } catch (error) {
      if (error instanceof Problem && !error.isOutage && error.status !== 429) {
        onState({ live: false, problem: error });
        return;
      }
      problem = error instanceof Problem ? error : null;
      if (!problem && !isAbort(error) && !(error instanceof TypeError)) {
        throw error;
      }
    }
    if (signal.aborted) {
      return;
    }
    onState({ live: false, problem });
    await new Promise((done) => setTimeout(done, pause));
    pause = Math.min(pause * 2, 5000);
  }
}
