// Registers an account, changes it on the condition that nobody else did, and
// reads its history. Run it beside "make run": npm run example
import { createConchaClient, type Account } from "@concha-labs/backend-client";

const api = createConchaClient({ baseUrl: process.argv[2] ?? "http://localhost:8080" });

const registered = await api.POST("/v1/accounts", {
  params: { header: { "Idempotency-Key": crypto.randomUUID() } },
  body: { name: "Ada Lovelace", email: `${crypto.randomUUID()}@example.com`, address: "" },
});
if (registered.error) {
  throw new Error(`${registered.error.title}: ${registered.error.detail}`);
}
const account: Account = registered.data;

const params = { path: { id: account.id } };
const patched = await api.PATCH("/v1/accounts/{id}", {
  params: { ...params, header: { "If-Match": account.etag } },
  body: { address: "12 St James's Square" },
});
if (patched.error) {
  throw new Error(patched.error.detail);
}

const history = await api.GET("/v1/accounts/{id}/events", { params });
for (const event of history.data ?? []) {
  console.log(event.id, event.type);
}

await api.DELETE("/v1/accounts/{id}", { params });
