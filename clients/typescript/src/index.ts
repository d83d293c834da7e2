import { EventSourceParserStream } from "eventsource-parser/stream";
import createClient, { mergeHeaders, type Client, type ClientOptions, type FetchOptions } from "openapi-fetch";

import type { components, paths } from "./schema.js";

export type { components, operations, paths } from "./schema.js";

export type Account = components["schemas"]["Account"];
export type Audio = components["schemas"]["Audio"];
export type AccountEvent = components["schemas"]["AccountEvent"];
export type AudioEvent = components["schemas"]["AudioEvent"];
export type Problem = components["schemas"]["Problem"];

export type ConchaClient = Client<paths>;

/**
 * An API key or a JWT, or a function that returns one. The function is called for each request, so it should keep a
 * token until shortly before it expires.
 */
export type Credential = string | (() => string | Promise<string>);

/**
 * A client of the Concha API. Answers are `{ data, error, response }`; it throws only if there is no answer.
 *
 * A body with a `Blob` as a member is sent as a form, any other object as JSON; what `fetch` takes by itself (a
 * `Blob`, a string, bytes, a stream) is sent as it is, with the type of the `Blob` as its `Content-Type`. What is
 * answered is read as JSON: an image needs `parseAs: "blob"`, an export {@link exportItems}, a stream of events
 * {@link followEvents}.
 */
export function createConchaClient({
  credential,
  ...options
}: ClientOptions & { baseUrl: string; credential?: Credential }): ConchaClient {
  const streams = { duplex: "half" }; // which Node asks for with a body that is a stream
  const client = createClient<paths>({
    ...streams,
    querySerializer: { array: { style: "form", explode: false } },
    bodySerializer: serialize,
    ...options,
    // No type by default, so that it is that of the body.
    headers: { "content-type": null, ...Object.fromEntries(mergeHeaders(options.headers)) },
  });
  client.use({
    async onRequest({ request }) {
      if (credential) {
        request.headers.set("Authorization", `Bearer ${typeof credential === "string" ? credential : await credential()}`);
      }
      if (request.method === "PATCH" && request.headers.get("Content-Type") === json) {
        request.headers.set("Content-Type", "application/merge-patch+json");
      }
    },
  });
  return client;
}

const json = "application/json";

function serialize(body: unknown): unknown {
  if (typeof body === "string" || ArrayBuffer.isView(body)) {
    return body;
  }
  if ([ArrayBuffer, Blob, FormData, ReadableStream, URLSearchParams].some((type) => body instanceof type)) {
    return body;
  }
  const members = Object.entries(body as object);
  if (!members.some(([, value]) => value instanceof Blob)) {
    return new Blob([JSON.stringify(body)], { type: json });
  }
  const form = new FormData();
  for (const [name, value] of members) {
    form.append(name, value);
  }
  return form;
}

/** A failure that ends an iteration. */
export class ProblemError extends Error {
  /** @param problem What the answer tells; absent if it was not the API that answered. */
  constructor(
    readonly response: Response,
    readonly problem?: Problem,
  ) {
    const faults = problem?.errors?.map((fault) => `${fault.pointer} ${fault.detail}`) ?? [];
    super([problem?.detail ?? `the answer is ${response.status} ${response.statusText}`, ...faults].join("; "));
    this.name = "ProblemError";
  }
}

type Get<Path extends keyof paths> = paths[Path] extends { get: infer Operation } ? Operation : never;
type Options<Path extends keyof paths> = Omit<FetchOptions<Get<Path>>, "parseAs">;
type Answer = { data?: unknown; error?: unknown; response: Response };
type Send = (path: string, options: object) => Promise<Answer>;

async function get(client: ConchaClient, path: string, options: object): Promise<unknown> {
  const { data, error, response } = await (client.GET as unknown as Send)(path, options);
  if (!response.ok) {
    throw new ProblemError(response, typeof error === "object" ? (error as Problem) : undefined);
  }
  return data;
}

type Lists = { "/v1/accounts": Account; "/v1/audios": Audio };

/**
 * Yields the items of a list, page after page, from its `page_token` if there is one. Each page is asked for when the
 * one before is used up. Throws a {@link ProblemError} for a failure.
 */
export async function* listItems<Path extends keyof Lists>(
  client: ConchaClient,
  path: Path,
  options: Options<Path> = {} as Options<Path>,
): AsyncGenerator<Lists[Path], void, undefined> {
  const query: Record<string, unknown> = { ...options.params?.query };
  do {
    const page = (await get(client, path, { ...options, params: { query } })) as {
      items: Lists[Path][];
      next_page_token: string;
    };
    yield* page.items;
    query["page_token"] = page.next_page_token;
  } while (query["page_token"]);
}

type Exports = { "/v1/accounts:export": Account; "/v1/audios:export": Audio };

/**
 * Yields the items of an export as they come. Throws a {@link ProblemError} for a failure, and what `fetch` throws if
 * the connection breaks: an export that ends without an error is whole.
 */
export async function* exportItems<Path extends keyof Exports>(
  client: ConchaClient,
  path: Path,
  options: Options<Path> = {} as Options<Path>,
): AsyncGenerator<Exports[Path], void, undefined> {
  const stream = (await get(client, path, { ...options, parseAs: "stream" })) as Bytes | null;
  if (!stream) {
    return; // there is nothing
  }
  let rest = "";
  for await (const chunk of chunks(stream.pipeThrough(new TextDecoderStream()))) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      yield JSON.parse(line) as Exports[Path];
    }
  }
}

type Bytes = ReadableStream<BufferSource>;

/** Waits for some seconds, or until the signal is aborted. */
function sleep(seconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, seconds * 1000);
    signal?.addEventListener("abort", done);
  });
}

/** Yields the chunks of a stream, in browsers too whose streams cannot be iterated. Cancels it at the end. */
async function* chunks<Chunk>(stream: ReadableStream<Chunk>): AsyncGenerator<Chunk, void, undefined> {
  const reader = stream.getReader();
  try {
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      yield chunk.value;
    }
  } finally {
    await reader.cancel();
  }
}

type Feeds = { "/v1/events/accounts": AccountEvent; "/v1/events/audios": AudioEvent };

/**
 * Yields events as they are committed, without end: those after the cursor `after`, or since a time, or all that are
 * kept. Each event has its `cursor`, which `after` takes. If the connection ends, or the API has no room, it connects
 * again and goes on after the last event. Unlike an `EventSource`, it sends the credential of the client.
 *
 * Throws a {@link ProblemError} if the API refuses the request: 410 if the cursor has expired, 401 if the credential
 * has. Throws what `fetch` throws if the first connection fails. Throws the reason of the `signal` when that is aborted.
 */
export async function* followEvents<Path extends keyof Feeds>(
  client: ConchaClient,
  path: Path,
  { after, since, signal }: { after?: string; since?: string; signal?: AbortSignal } = {},
): AsyncGenerator<Feeds[Path], never, undefined> {
  let connected = false;
  for (;;) {
    let pause = 1; // second
    try {
      const stream = (await get(client, path, {
        params: { query: after ? { after } : { since } },
        headers: { Accept: "text/event-stream" },
        parseAs: "stream",
        signal,
      })) as Bytes;
      connected = true;
      const messages = stream.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
      for await (const { data, id } of chunks(messages)) {
        yield JSON.parse(data) as Feeds[Path];
        after = id;
      }
    } catch (error) {
      if (error instanceof ProblemError && (error.response.status === 429 || error.response.status >= 500)) {
        pause = Number(error.response.headers.get("Retry-After")) || pause;
      } else if (signal?.aborted || !connected || !(error instanceof TypeError)) {
        throw error; // a TypeError is what fetch throws if the connection fails
      }
    }
    await sleep(pause, signal);
    signal?.throwIfAborted();
  }
}
