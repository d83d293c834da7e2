// Drives the built package, by its name as its users do, against a running
// system.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash, randomInt, randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import {
  createConchaClient,
  exportItems,
  followEvents,
  listItems,
  ProblemError,
  type Account,
  type Audio,
  type ConchaClient,
  type Problem,
} from "@concha-labs/backend-client";

import { startSystem, type System } from "./system.js";

let system: System;
let api: ConchaClient;

before(async () => {
  system = await startSystem();
  api = createConchaClient({ baseUrl: system.url });
});
after(() => system.stop());

const input = () => ({ name: "Ada", email: `${randomUUID()}@example.com`, address: "1 Way" });

const session = (account_id?: number) => ({
  session_id: randomInt(2 ** 47),
  ticks: Array.from({ length: 15 }, (_, i) => -96.33333333333334 + i),
  selected_tick: 5,
  step_count: 1,
  ...(account_id && { account_id }),
});

async function newAccount(): Promise<Account> {
  const { data, error } = await api.POST("/v1/accounts", { body: input() });
  assert.ok(data, error?.detail);
  return data;
}

async function newSessions(count: number, account_id?: number): Promise<Audio[]> {
  const { data, error } = await api.POST("/v1/audios:batch", {
    body: Array.from({ length: count }, () => session(account_id)),
  });
  assert.ok(data, error?.detail);
  return data.results.map((result) => {
    assert.equal(result.status, 201);
    return result.resource as Audio;
  });
}

const ids = (audios: Audio[]) => audios.map((audio) => audio.session_id).sort((a, b) => a - b);

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) {
    all.push(item);
  }
  return all;
}

// A picture of one pixel.
const png = new Blob(
  [Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==", "base64")],
  { type: "image/png" },
);

test("an account is created, read, changed and deleted", async () => {
  const account = await newAccount();
  const params = { path: { id: account.id } };
  assert.deepEqual((await api.GET("/v1/accounts/{id}", { params })).data, account);

  const patched = await api.PATCH("/v1/accounts/{id}", { params, body: { address: "2 Way" } });
  assert.equal(patched.data?.address, "2 Way", patched.error?.detail);
  assert.equal(patched.data.name, account.name);

  const deleted = await api.DELETE("/v1/accounts/{id}", { params });
  assert.equal(deleted.response.status, 204);
  const { error } = await api.GET("/v1/accounts/{id}", { params });
  assert.equal(error?.title, "There is no such resource");
});

test("a change that comes too late is a typed problem", async () => {
  const account = await newAccount();
  const params = { path: { id: account.id }, header: { "If-Match": '"7"' } };
  const { data, error, response } = await api.PUT("/v1/accounts/{id}", { params, body: input() });
  assert.equal(data, undefined);
  const problem: Problem = error;
  assert.equal(problem.status, 412);
  assert.ok(problem.type.endsWith("/problems/precondition-failed"));
  assert.equal(response.headers.get("ETag"), account.etag);

  const invalid = await api.POST("/v1/accounts", { body: { ...input(), email: "nobody" } });
  assert.deepEqual(invalid.error?.errors?.map((fault) => fault.pointer), ["/email"]);
});

test("a creation that is sent again gets its first answer", async () => {
  const body = input();
  const create = (key: string, sent = body) =>
    api.POST("/v1/accounts", { params: { header: { "Idempotency-Key": key } }, body: sent });
  const key = randomUUID();
  const first = await create(key);
  assert.ok(first.data, first.error?.detail);
  assert.deepEqual((await create(key)).data, first.data);
  assert.equal((await create(key, input())).error?.status, 422);
  assert.equal((await create(randomUUID())).error?.status, 409);
});

test("lists are filtered by ids and paged", async () => {
  const account = await newAccount();
  const made = await newSessions(5, account.id);
  const two = ids(made).slice(1, 3);
  const listed = await api.GET("/v1/audios", { params: { query: { ids: two, include_total: true } } });
  assert.ok(listed.data, listed.error?.detail);
  assert.deepEqual(ids(listed.data.items), two);
  assert.equal(listed.data.total_count, 2);

  const pages: number[] = [];
  const counting = createConchaClient({
    baseUrl: system.url,
    fetch: (request) => {
      pages.push(1);
      return fetch(request);
    },
  });
  const query = { account_id: account.id, page_size: 2, order_by: "session_id desc" } as const;
  const items = await collect(listItems(counting, "/v1/audios", { params: { query } }));
  assert.deepEqual(items.map((item) => item.session_id), ids(made).reverse());
  assert.equal(pages.length, 3);
  for await (const item of listItems(counting, "/v1/audios", { params: { query } })) {
    assert.equal(item.account_id, account.id);
    break;
  }
  assert.equal(pages.length, 4);

  const refused = collect(listItems(api, "/v1/accounts", { params: { query: { page_size: -1 } } }));
  await assert.rejects(refused, (error) => error instanceof ProblemError && error.problem?.status === 400 && error.message.includes("page_size"));
});

test("exports are read item by item", async () => {
  const account = await newAccount();
  const made = await newSessions(300, account.id);
  const params = { query: { account_id: account.id } };
  assert.deepEqual(ids(await collect(exportItems(api, "/v1/audios:export", { params }))), ids(made));
  assert.deepEqual(
    await collect(exportItems(api, "/v1/accounts:export", { params: { query: { ids: [account.id] } } })),
    [account],
  );
  for await (const item of exportItems(api, "/v1/audios:export", { params })) {
    assert.equal(item.account_id, account.id);
    break;
  }
  const refused = collect(exportItems(api, "/v1/audios:export", { params: { query: { step_count: NaN } } }));
  await assert.rejects(refused, (error) => error instanceof ProblemError && error.response.status === 400);
});

test("an export that is cut off is no whole one", async () => {
  const line = JSON.stringify({ session_id: 1 });
  const cut = createConchaClient({
    baseUrl: system.url,
    fetch: async () =>
      new Response(
        new ReadableStream({
          start(controller) {
            controller.enqueue(new TextEncoder().encode(`${line}\n${line.slice(0, 5)}`));
          },
          pull(controller) {
            controller.error(new TypeError("the connection broke"));
          },
        }),
      ),
  });
  const read: Audio[] = [];
  await assert.rejects(async () => {
    for await (const item of exportItems(cut, "/v1/audios:export")) {
      read.push(item);
    }
  }, /the connection broke/);
  assert.ok(read.length <= 1);
});

test("an image is what was put", async () => {
  const { id } = await newAccount();
  const params = { path: { id } };
  const bytes = new Uint8Array(await png.arrayBuffer());
  const stream = () => png.stream() as unknown as Blob; // which the document has no word for
  for (const { body, headers } of [
    { body: png, headers: {} },
    { body: { image: new File([png], "me.png", { type: png.type }) }, headers: {} },
    { body: bytes as unknown as Blob, headers: { "Content-Type": "image/png" } },
    { body: stream(), headers: { "Content-Type": "image/png" } },
  ]) {
    const put = await api.PUT("/v1/accounts/{id}/image", { params, headers, body });
    assert.equal(put.data?.image?.width, 1, put.error?.detail);
    const got = await api.GET("/v1/accounts/{id}/image", { params, parseAs: "blob" });
    assert.ok(got.data, got.error?.detail);
    assert.equal(got.data.type, "image/png");
    assert.deepEqual(new Uint8Array(await got.data.arrayBuffer()), bytes);
    assert.equal((await api.DELETE("/v1/accounts/{id}/image", { params })).response.status, 204);
  }
});

test("a session is sent as a file", async () => {
  const sent = session();
  const text = ` ${JSON.stringify(sent)}\n`;
  const audio = new File([text], "session.json", { type: "application/json" });
  const created = await api.POST("/v1/audios", { body: { audio } });
  assert.deepEqual(created.data?.ticks, sent.ticks, created.error?.detail);
  const params = { path: { session_id: sent.session_id } };
  const got = await api.GET("/v1/audios/{session_id}/file", { params, parseAs: "text" });
  assert.equal(got.data, text);

  const form = new FormData();
  form.set("audio", audio);
  const replaced = await api.PUT("/v1/audios/{session_id}", { params, body: form as never });
  assert.equal(replaced.data?.version, 1, replaced.error?.detail);
});

test("a batch tells of each item, also of lines", async () => {
  const account = input();
  const { data, error } = await api.POST("/v1/accounts:batch", { body: [account, account] });
  assert.deepEqual(data?.results.map((result) => result.status), [201, 409], error?.detail);

  const lines = [input(), input()].map((line) => JSON.stringify(line)).join("\n");
  const sent = await api.POST("/v1/accounts:batch", {
    headers: { "Content-Type": "application/x-ndjson" },
    body: lines as never,
  });
  assert.deepEqual(sent.data?.results.map((result) => result.status), [201, 201], sent.error?.detail);
});

test("the feed goes on from a list", async () => {
  const before = await api.GET("/v1/accounts", { params: { query: { page_size: 1 } } });
  const account = await newAccount();
  const cursor = before.response.headers.get("Concha-Feed-Cursor");
  assert.ok(cursor);
  const { data, response } = await api.GET("/v1/events/accounts", { params: { query: { after: cursor, limit: 1, wait: 30 } } });
  const events = data as Exclude<typeof data, string | undefined>;
  assert.deepEqual(events.map((event) => [event.id, event.type]), [[`account/${account.id}/1`, "concha.account.created.v1"]]);
  assert.equal(response.headers.get("Concha-Feed-Cursor"), events[0]?.cursor);
});

test("a client with a key follows the feed through a change of its key", async () => {
  const dir = await mkdtemp(join(tmpdir(), "concha-"));
  const file = join(dir, "keys");
  const keys = ["first", "second"].map((id) => `concha_${id}_${randomUUID()}`) as [string, string];
  const lines = keys.map((key) => {
    const sha256 = createHash("sha256").update(key).digest("hex");
    return JSON.stringify({ id: key.split("_")[1], name: "test", sha256, scopes: ["accounts:write", "events:read"] });
  }) as [string, string];
  await writeFile(file, lines.join("\n"));
  const guarded = await startSystem({ CONCHA_AUTH: "required", CONCHA_API_KEYS_FILE: file });
  try {
    let key = keys[0];
    const connections: (string | null)[] = [];
    const client = createConchaClient({
      baseUrl: guarded.url,
      credential: async () => key,
      fetch: (request) => {
        if (request.headers.get("Accept") === "text/event-stream") {
          connections.push(request.headers.get("Authorization"));
        }
        return fetch(request);
      },
    });
    const create = async () => {
      const { data, error } = await client.POST("/v1/accounts", { body: input() });
      assert.ok(data, error?.detail);
      return `account/${data.id}/1`;
    };
    const nobody = createConchaClient({ baseUrl: guarded.url });
    const unknown = (error: unknown) => error instanceof ProblemError && error.problem?.status === 401;
    await assert.rejects(followEvents(nobody, "/v1/events/accounts").next(), unknown);

    const nowhere = createConchaClient({ baseUrl: "http://localhost:1" });
    await assert.rejects(followEvents(nowhere, "/v1/events/accounts").next(), TypeError);

    const events = followEvents(client, "/v1/events/accounts");
    const first = await create();
    assert.equal((await events.next()).value.id, first);
    key = keys[1];
    await writeFile(file, lines[1]); // withdraws the first key, which ends the stream
    const second = await create();
    assert.equal((await events.next()).value.id, second);
    while (connections.length < 2) {
      const next = await create();
      assert.equal((await events.next()).value.id, next);
    }
    assert.deepEqual([...new Set(connections)], keys.map((k) => `Bearer ${k}`));

    const stop = new AbortController();
    const stopped = followEvents(client, "/v1/events/accounts", { since: "2100-01-01T00:00:00Z", signal: stop.signal }).next();
    stop.abort(new Error("enough"));
    await assert.rejects(stopped, /enough/);
  } finally {
    await guarded.stop();
    await rm(dir, { recursive: true });
  }
});

test("what the client is told itself counts", async () => {
  const seen: Headers[] = [];
  const own = createConchaClient({
    baseUrl: system.url,
    headers: new Headers({ "X-Request-Id": "my-request" }),
    fetch: (request) => {
      seen.push(request.headers);
      return fetch(request);
    },
  });
  const { response } = await own.POST("/v1/accounts", { body: input() });
  assert.equal(response.headers.get("X-Request-Id"), "my-request");
  await own.GET("/v1/accounts");
  assert.deepEqual(seen.map((headers) => headers.get("Content-Type")), ["application/json", null]);
});

test("the example runs", async () => {
  const program = fileURLToPath(new URL("../examples/accounts.js", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program, system.url]);
  assert.match(stdout, /^account\/\d+\/1 concha\.account\.created\.v1\naccount\/\d+\/2 concha\.account\.updated\.v1\n/);
});

test("the package is the built client and its types", async () => {
  const root = fileURLToPath(new URL("../../../", import.meta.url));
  const { stdout } = await promisify(execFile)("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: root });
  const files = JSON.parse(stdout)[0].files.map((file: { path: string }) => file.path);
  assert.deepEqual(files.sort(), ["LICENSE", "README.md", "dist/index.d.ts", "dist/index.js", "dist/schema.d.ts", "dist/schema.js", "package.json"]);
});
