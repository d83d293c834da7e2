import { lost } from "./connection.js";
import { authorization, mustSignIn } from "./credential.js";
import { outage, problemOf } from "./problem.js";
import { answered, begin } from "./requests.js";

/**
 * Sends a file and says how much of it has been sent, which fetch cannot.
 * Returns the JSON of the answer, or fails with a Problem.
 * @param {string} method
 * @param {string} path
 * @param {{file: File, headers: Record<string, string>, onProgress: (share: number) => void}} options
 * @returns {Promise<any>}
 */
export function upload(method, path, { file, headers, onProgress }) {
  /** @type {[string, string][]} */
  const all = [...Object.entries(headers), ...authorization()];
  const request = begin({ method, path, headers: all, file: file.name });
  const transfer = new XMLHttpRequest();
  transfer.open(method, path);
  for (const [name, value] of all) {
    transfer.setRequestHeader(name, value);
  }
  return new Promise((done, failed) => {
    transfer.upload.onprogress = (event) => onProgress(event.loaded / event.total);
    transfer.onerror = () => {
      lost();
      failed(outage(null));
    };
    transfer.onload = () => {
      answered(request, transfer.status, transfer.getResponseHeader("X-Request-Id") ?? "");
      if (transfer.status < 300) {
        done(JSON.parse(transfer.responseText));
        return;
      }
      mustSignIn.set(transfer.status === 401 || mustSignIn.value);
      failed(problemOf(transfer.status, transfer.getResponseHeader("Content-Type") ?? "", transfer.responseText));
    };
    transfer.send(file);
  });
}
