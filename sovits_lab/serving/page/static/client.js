// The public API, as any other client uses it.

const SPOKEN_TAGS = ["emotion", "pause", "rate", "ph"];

/** What the service refused, in its own words. */
export class Refusal extends Error {
  constructor(problem) {
    super(problem.detail || problem.title || "the service did not say why");
    this.requestId = problem.request_id || "";
  }
}

export class SpeechClient {
  constructor(key) {
    this.key = key;
  }

  async voices() {
    return (await this.#json("v1/audio/voices")).voices;
  }

  async enrolled() {
    return (await this.#json("v1/voices")).voices;
  }

  enrol(form) {
    return this.#json("v1/voices", { method: "POST", body: form });
  }

  drawChallenge(language) {
    return this.#json(`v1/voices/challenges?language=${encodeURIComponent(language)}`, { method: "POST" });
  }

  revoke(id) {
    return this.#json(`v1/voices/${encodeURIComponent(id)}`, { method: "DELETE" });
  }

  /** Speak as a whole; gives {bytes, headers}. */
  async speak(ask, signal) {
    const reply = await this.#send("v1/audio/speech", {
      method: "POST",
      signal,
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ...ask, response_format: "wav", tags: SPOKEN_TAGS }),
    });
    return { bytes: await reply.arrayBuffer(), headers: reply.headers };
  }

  /** Speak over a socket; `hear` gets every event until the promise settles. */
  stream(ask, text, hear, signal) {
    return new Promise((resolve, reject) => {
      const place = new URL("v1/audio/stream", document.baseURI);
      place.protocol = place.protocol.replace("http", "ws");
      const socket = new WebSocket(place, ["sovits.v1", `bearer.${this.key}`]);
      const send = (message) => socket.send(JSON.stringify(message));
      const settle = (done, value) => {
        done(value);
        socket.close();
      };
      signal.addEventListener("abort", () => {
        if (socket.readyState === WebSocket.OPEN) send({ type: "cancel" });
        else settle(reject, new DOMException("stopped", "AbortError"));
      });
      socket.onopen = () => {
        send({ type: "session.update", markup: "strict", tags: SPOKEN_TAGS, ...ask });
        send({ type: "input_text.append", text });
        send({ type: "input_text.end" });
      };
      socket.onmessage = ({ data }) => {
        const event = JSON.parse(data);
        if (event.type === "error") return settle(reject, new Refusal(event));
        hear(event);
        if (event.type === "speech.audio.done" || event.type === "context.cancelled") settle(resolve, event);
      };
      socket.onclose = ({ reason }) => reject(new Refusal({ detail: reason || "the connection was closed" }));
    });
  }

  async #json(path, options) {
    return (await this.#send(path, options)).json();
  }

  async #send(path, options = {}) {
    const headers = { ...options.headers, Authorization: `Bearer ${this.key}` };
    const reply = await fetch(path, { ...options, headers });
    if (reply.ok) return reply;
    const problem = await reply.json().catch(() => ({ detail: `the service answered ${reply.status}` }));
    throw new Refusal(problem);
  }
}
