import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** The whole system, running on a free port and a folder of its own. */
export interface System {
  url: string;
  /** Has it end, as it should, and removes all it made. */
  stop(): Promise<void>;
}

/** Builds the all-in-one program and starts it with more settings. Returns once it takes requests. */
export async function startSystem(settings: Record<string, string> = {}): Promise<System> {
  const dir = await mkdtemp(join(tmpdir(), "concha-"));
  const program = join(dir, "allinone");
  const root = fileURLToPath(new URL("../../../../../", import.meta.url));
  await promisify(execFile)("go", ["build", "-o", program, "./services/allinone"], { cwd: root });
  const process = spawn(program, {
    env: { PORT: String(await freePort()), CONCHA_DATA_DIR: join(dir, "data"), CONCHA_LOG_LEVEL: "warn", ...settings },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(process, "exit");
  let url: string | undefined;
  for await (const line of createInterface(process.stdout)) {
    url = /^The API is at ([^,]+),/.exec(line)?.[1];
    break;
  }
  if (!url) {
    throw new Error(`the system does not start: ${await exited}`);
  }
  return {
    url,
    async stop() {
      process.kill("SIGTERM");
      const [code] = await exited;
      await rm(dir, { recursive: true });
      if (code !== 0) {
        throw new Error(`the system ended with the exit code ${code}`);
      }
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}
