/* The server's answers. Each call returns the JSON of one endpoint, or throws a Refusal that says what was wrong. */

export class Refusal extends Error {
  /** `kind` is the server's name of the error, "offline" when there was no answer; `status` is 0 then. */
  constructor(message, kind, status, field = null) {
    super(message);
    Object.assign(this, { kind, status, field });
  }
}

const PATIENCE = 5; // times that a busy server is asked again

async function call(path, { method = "GET", json, form, signal } = {}) {
  const headers = json === undefined ? {} : { "Content-Type": "application/json" };
  const body = json === undefined ? form : JSON.stringify(json);
  for (let attempt = 1; ; attempt++) {
    let answer;
    try {
      answer = await fetch(path, { method, headers, body, signal });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refusal("The server does not answer. Is cvsi-db serve still running?", "offline", 0);
    }
    if (answer.ok) return answer.status === 204 ? null : answer.json();
    const said = await answer.json().catch(() => ({}));
    if (said.kind !== "busy" || attempt === PATIENCE) {
      throw new Refusal(
        said.error ?? `The server answers ${answer.status}.`,
        said.kind ?? "unexpected",
        answer.status,
        said.field,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 1000 * Number(answer.headers.get("Retry-After") ?? 1)));
  }
}

/** Filters as a query string; a list repeats its name. */
function query(fields) {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) for (const each of [value].flat()) params.append(name, each);
  return params;
}

export const about = () => call("/api/about");
export const login = (token) => call("/api/login", { method: "POST", json: { token } });
export const facets = (filters, signal) => call(`/api/facets?${query(filters)}`, { signal });
export const images = (filters, offset, signal) =>
  call(`/api/images?${query({ ...filters, offset, limit: 120 })}`, { signal });
export const image = (id) => call(`/api/images/${encodeURIComponent(id)}`);
export const explain = (ask, signal) => call("/api/explain", { method: "POST", json: ask, signal });

/** The answer of a search; with `file`, that is the reference. */
export function search(ask, { file, signal } = {}) {
  if (!file) return call("/api/search", { method: "POST", json: ask, signal });
  const form = new FormData();
  form.append("reference", file);
  form.append("query", JSON.stringify(ask));
  return call("/api/search", { method: "POST", form, signal });
}

export const thumbnail = (id, size) => `/api/images/${encodeURIComponent(id)}/thumbnail?size=${size}`;
export const original = (id) => `/api/images/${encodeURIComponent(id)}/original`;
