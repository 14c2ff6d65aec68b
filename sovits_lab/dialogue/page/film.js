// The player: it plays the sound of each line by the audio clock and moves mouths and words by the same clock.
"use strict";

const READING = .05; // seconds a letter, for a line that is shown and not spoken
const METER = 1024; // samples of a look at the sound's loudness
const ROWS = 400; // of what was said that outlive a reload
const LEAD = .02; // seconds by which a mouth sets out before the sound, as it would else come that much after it
const WORDS = {
  en: { begin: "Begin", stop: "Stop the voice", own: "Or say it in your own words", say: "Say", language: "Language",
    lost: "The connection was lost. Trying again.", end: "The end", save: "Save", load: "Load", speak: "Speak", again: "Once more",
    on: "Go on", anew: "Start anew",
    gone: "This film is no longer there: begin again, or load a saved one.", away: "Nobody answers. Is the film being served?",
    elsewhere: "This film was opened elsewhere and goes on there.", understood: "Nobody understood that as one of the answers." },
  zh: { begin: "开始", stop: "停止说话", own: "或者用自己的话说", say: "说", language: "语言",
    lost: "连接断开，正在重试。", end: "结局", save: "保存", load: "读取", speak: "用麦克风说", again: "再来一次",
    on: "继续", anew: "从头开始",
    gone: "这部影片已经不在了：请重新开始，或读取存档。", away: "没有回应。影片的服务在运行吗？", elsewhere: "这部影片已在别处打开，在那里继续。",
    understood: "没有人听懂这句话选的是哪一个。" },
};
const $ = (id) => document.getElementById(id);

class Player {
  constructor() {
    this.faces = {};
    this.queue = [];      // lines that are being received or wait to be heard
    this.seq = 0;
    this.session = null;
    this.ended = false;
    this.heard = {};      // line -> seconds, for tests and the film
    this.lags = [];
    this.rows = [];       // what was said, for a reload
    this.moods = {};
    this.question = null; // the choices that stand, by their number
    addEventListener("pagehide", () => this.keep());
    requestAnimationFrame(() => this.frame());
  }
  words() { return WORDS[this.language] || WORDS.en; }
  connect(first, ...more) {
    const scheme = location.protocol === "https:" ? "wss://" : "ws://";
    this.socket = new WebSocket(scheme + location.host + "/film");
    this.socket.onopen = () => {
      this.status("");
      for (const message of [first, ...more]) this.send(message);
      if (first.type === "resume" && this.pending) this.send(this.pending); // it may be lost; the film takes it once
    };
    this.socket.onmessage = (event) => this.receive(JSON.parse(event.data));
    this.socket.onclose = (event) => {
      if (this.ended) return;
      if (event.code === 4409) { this.leave(this.words().elsewhere); return; }
      if (event.code === 4404) { this.leave(this.session ? this.words().gone : $("status").textContent); return; }
      if (!this.session) { this.idle(this.words().away); return; }
      this.status(this.words().lost);
      setTimeout(() => this.connect({ type: "resume", session: this.session, after: this.seq }), 500);
    };
  }
  send(message) { if (this.socket && this.socket.readyState === 1) this.socket.send(JSON.stringify(message)); }
  leave(text) { this.session = null; this.keep(); this.idle(text); }
  idle(text) {                                            // nothing goes on until the player begins again
    this.hush();
    this.queue = [];
    this.status(text);
    $("choices").replaceChildren();
    $("begin").textContent = this.words().again;
    for (const name of ["free", "stop", "save", "anew"]) $(name).hidden = true;
    $("begin").hidden = false;
    $("begin").focus();
  }
  status(text) { $("status").textContent = text; }
  receive(message) {
    if (message.seq) {
      if (message.seq <= this.seq) return;
      this.seq = message.seq;
      if (message.type !== "saved") this.pending = null;    // the answer has come through
    }
    const act = this["on_" + message.type];
    if (act) act.call(this, message);
  }
  on_hello(m) {                                           // it comes again in another language
    this.greeting = m;
    Object.assign(this, { session: m.session, language: m.language, rate: m.sample_rate });
    this.foreign = m.spoken_language !== m.language;
    $("save").hidden = $("anew").hidden = false;
    label(m);
    const words = this.words();
    $("stop").textContent = words.stop; $("words-label").textContent = words.own; $("language-label").textContent = words.language;
    $("free").querySelector("button[type=submit]").textContent = words.say; $("save").textContent = words.save;
    document.querySelector(".file span").textContent = words.load;
    $("speak").setAttribute("aria-label", words.speak);
    $("anew").textContent = words.anew;
    for (const [name, facts] of Object.entries(m.characters)) {
      this.faces[name] ||= new Face(name, facts);
      this.faces[name].call(facts.name);
    }
    $("faces").replaceChildren(...Object.keys(m.characters).map((name) => this.faces[name].box));
    this.names = Object.fromEntries(Object.entries(m.characters).map(([name, facts]) => [name, facts.name]));
  }
  on_narration(m) { this.queue.push({ ...m, kind: "narration" }); }
  on_line(m) {
    const heard = { pieces: [], visemes: [], words: [], done: !m.spoken, at: null, played: 0 };
    this.queue.push({ ...m, kind: "line", language: this.language, foreign: this.foreign, ...heard });
  }
  on_audio(m) {
    const line = this.queue.findLast((one) => one.kind === "line" && one.id === m.id);
    if (!line || line.hushed) return;
    const raw = atob(m.pcm), samples = new Float32Array(raw.length / 2);
    for (let i = 0; i < samples.length; i++) {
      const value = raw.charCodeAt(2 * i) | (raw.charCodeAt(2 * i + 1) << 8);
      samples[i] = (value << 16 >> 16) / 32768;
    }
    line.pieces.push(samples);
    line.visemes.push(...m.visemes);
    line.words.push(...m.words);
  }
  on_line_end(m) {
    const line = this.queue.findLast((one) => one.kind === "line" && one.id === m.id);
    if (!line) return;
    Object.assign(line, { done: true, seconds: m.seconds });
    if (m.flags.includes("unspoken")) line.spoken = false;
  }
  on_mood(m) { this.queue.push({ kind: "mood", ...m }); }
  on_choices(m) {
    this.queue = this.queue.filter((item) => item.kind !== "choices"); // the same ones in another language
    this.queue.push({ ...m, kind: "choices", question: m.seq });
  }
  on_understood(m) { if (m.index === null) this.status(this.words().understood); }
  on_end(m) { this.queue.push({ ...m, kind: "end" }); }
  on_error(m) { this.status(m.message); }
  on_saved(m) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([m.saved], { type: "application/json" }));
    link.download = "film.json";
    link.click();
    this.lastSaved = m.saved;
  }
  frame() {
    requestAnimationFrame(() => this.frame());
    const head = this.queue[0];
    if (!head) return;
    if (head.kind === "line") this.play(head);
    else { this.queue.shift(); this["show_" + head.kind](head); }
  }
  show_narration(item) { this.note("", item.text, "narration"); $("subtitle").textContent = item.text; }
  show_mood(item) { this.moods[item.character] = item.feelings; if (this.faces[item.character]) this.faces[item.character].feel(item.feelings); }
  show_choices(item) {
    this.rest();
    this.question = item.question;
    const buttons = item.choices.map((choice) => {
      const button = document.createElement("button"), row = document.createElement("li");
      button.type = "button";
      button.dataset.id = choice.id;
      button.textContent = choice.text;
      button.onclick = () => { this.answer({ type: "choose", index: choice.index }, choice.text); };
      row.append(button);
      return row;
    });
    $("choices").replaceChildren(...buttons);
    $("free").hidden = false;
    $("stop").hidden = true;
    buttons[0]?.firstChild.focus({ preventScroll: true });
  }
  show_end(item) {
    this.rest();
    this.ended = true;
    const words = this.words();
    this.note("", `${words.end}: ${item.ending}`, "narration");
    $("subtitle").textContent = `${words.end}: ${item.ending}`;
    $("subtitle").dataset.ending = item.ending;
    for (const name of ["stop", "save", "anew"]) $(name).hidden = true;
    $("begin").hidden = false;
    $("begin").textContent = words.again;
    $("begin").focus();
    this.keep();
    this.socket.close(1000);                              // done: nobody will resume this session
  }
  play(line) {
    const now = this.clock.currentTime;
    if (line.at === null) {
      if (!line.pieces.length && !line.done) return;      // the voice is not there yet
      line.at = now + line.pause + .06;
      line.until = line.at + (line.spoken || line.hushed ? 0 : READING * line.text.length);
      this.note(this.names[line.character], line.text, "");
      this.subtitle(line);
      $("stop").hidden = false;
      for (const face of Object.values(this.faces)) face.box.classList.toggle("speaking", face === this.faces[line.character]);
    }
    while (line.pieces.length) {
      const samples = line.pieces.shift();
      if (!samples.length) continue;
      const buffer = this.clock.createBuffer(1, samples.length, this.rate), source = this.clock.createBufferSource();
      buffer.copyToChannel(samples, 0);
      source.buffer = buffer;
      source.connect(this.out);
      if (line.until < now) line.until = now;            // an underrun: the rest is heard later
      source.start(line.until);
      line.sources = [...(line.sources || []), source];
      line.until += buffer.duration;
      line.played += buffer.duration;
    }
    const place = now - this.delay() - line.at, face = this.faces[line.character];
    const shape = line.visemes.find(([, start, end]) => start <= place + LEAD && place + LEAD < end);
    face?.move(shape ? shape[0] : "sil", now - (line.drawn ?? now - 1 / 60));
    line.drawn = now;
    this.trace(face, now, line);
    this.follow(line, place);
    if (line.done && now - this.delay() >= line.until + .05) {
      face?.move("sil", Infinity);
      this.heard[line.id] = line.played;
      if (line.spoken) this.send({ type: "played", line: line.id, seconds: line.played });
      this.queue.shift();
    }
  }
  delay() { return this.clock.outputLatency || 0; }       // until the ear has it: long with wireless headphones
  trace(face, now, line) {                                // what the mouth and the sound do, for measurements
    if (!this.samples) this.samples = [];
    this.meter.getFloatTimeDomainData(this.wave);
    const energy = Math.sqrt(this.wave.reduce((sum, x) => sum + x * x, 0) / this.wave.length);
    this.samples.push([now, face ? face.opening : 0, energy, line.id, now - METER / 2 / this.clock.sampleRate + this.delay()]);
    if (this.samples.length > 6000) this.samples.shift();
  }
  subtitle(line) {                                        // a span a word, in languages without blanks too
    const parts = [...new Intl.Segmenter(line.language, { granularity: "word" }).segment(line.text)];
    const words = [];
    if (/\s/.test(line.text)) words.push(...line.text.split(/(?<=\s)(?=\S)/));
    else for (const { segment, isWordLike } of parts) {
      if (isWordLike || !words.length) words.push(segment);
      else words[words.length - 1] += segment;
    }
    $("subtitle").replaceChildren(...words.map((text) => {
      const word = document.createElement("span");
      word.className = "word";
      word.textContent = text;
      return word;
    }));
  }
  follow(line, place) {                                   // marks the words that were said so far
    const shown = [...$("subtitle").children];
    const foreign = line.done ? line.words.length !== shown.length : line.foreign; // other words are said than are shown
    shown.forEach((word, i) => {
      const start = foreign ? line.seconds * i / shown.length : line.words[i]?.[1]; // unknown while more is to come
      word.classList.toggle("said", !line.spoken || start <= place);
    });
  }
  note(who, text, kind) {
    this.rows = [...this.rows, [who, text, kind]].slice(-ROWS);
    const row = document.createElement("p"), name = document.createElement("span");
    row.className = kind;
    name.className = "who";
    name.textContent = who;
    row.append(...(who ? [name] : []), text);
    $("log").append(row);
    $("log").scrollTop = $("log").scrollHeight;
  }
  rest() { for (const face of Object.values(this.faces)) { face.move("sil", Infinity); face.box.classList.remove("speaking"); } }
  hush() {
    for (const item of this.queue) for (const source of item.sources || []) { try { source.stop(); } catch { /* not begun */ } }
    this.queue = this.queue.filter((item) => item.kind !== "line" || item.at === null);
    for (const item of this.queue) if (item.kind === "line") Object.assign(item, { pieces: [], done: true, pause: 0, hushed: true });
    this.rest();
  }
  shown() {                                               // number of the last message that was seen and heard
    const waiting = this.queue.map((item) => item.seq).concat(this.question ?? []);
    return Math.max(0, Math.min(this.seq, ...waiting.map((first) => first - 1)));
  }
  keep() {                                                // in this tab, so that a reload goes on from here
    const { greeting, moods, pending } = this, head = this.queue[0];
    if (this.session && this.greeting && !this.socket) return; // it was restored, and nothing has happened since
    const rows = head?.kind === "line" && head.at !== null ? this.rows.slice(0, -1) : this.rows; // it is heard anew
    const kept = this.session && !this.ended ? JSON.stringify({ greeting, moods, rows, pending, seq: this.shown() }) : "";
    try { sessionStorage.setItem(KEPT, kept); } catch { /* full or forbidden: a reload begins anew */ }
  }
  restore(kept) {                                         // as it looked; it goes on when the player says so
    this.on_hello(kept.greeting);
    for (const row of kept.rows) this.note(...row);
    for (const [character, feelings] of Object.entries(kept.moods)) this.show_mood({ character, feelings });
    $("subtitle").textContent = kept.rows.at(-1)?.[1] || "";
    $("begin").textContent = this.words().on;
    $("save").hidden = true;
    $("begin").focus();
  }
  resume(kept, ...more) {
    this.sound();
    Object.assign(this, { seq: kept.seq, pending: kept.pending, queue: [] });
    $("begin").hidden = true;
    $("save").hidden = false;
    this.connect({ type: "resume", session: this.session, after: this.seq }, ...more);
  }
  answer(message, text) {
    this.status("");
    $("choices").replaceChildren();
    $("free").hidden = true;
    this.note("▸", text, "");
    this.pending = { ...message, question: this.question };
    this.question = null;
    this.send(this.pending);
  }
  sound() {                                               // browsers ask that it begins with a click or a key
    this.clock ||= new AudioContext();
    this.clock.resume();
    if (!this.out) {
      this.out = this.meter = this.clock.createAnalyser();
      this.meter.fftSize = METER;
      this.wave = new Float32Array(METER);
      this.out.connect(this.clock.destination);
    }
  }
  begin(first) {
    this.sound();
    Object.assign(this, { queue: [], seq: 0, session: null, ended: false, pending: null, question: null, rows: [], moods: {}, faces: {} });
    $("choices").replaceChildren();
    $("free").hidden = true;
    $("log").replaceChildren();
    delete $("subtitle").dataset.ending;
    $("begin").hidden = true;
    if (this.socket) { this.socket.onclose = null; this.socket.close(); }
    this.connect(first);
  }
}

function label(facts) {                                   // what holds for the whole page, before the film begins too
  document.documentElement.lang = facts.language;
  document.title = $("title").textContent = facts.title;
  $("notice").textContent = facts.notice;
  $("language").replaceChildren(...facts.languages.map((one) => new Option(one, one, false, one === facts.language)));
  $("begin").textContent = (WORDS[facts.language] || WORDS.en).begin;
  $("language-label").textContent = (WORDS[facts.language] || WORDS.en).language;
}

const KEPT = "film" + location.search;
const player = new Player();
window.player = player;
const seed = Number(new URLSearchParams(location.search).get("seed") || Math.floor(Math.random() * 2 ** 31));
const asked = new URLSearchParams(location.search).get("language") || "";
const language = () => $("language").value || asked;
const kept = JSON.parse(sessionStorage.getItem(KEPT) || "null");
if (kept) player.restore(kept);
fetch("about.json" + (asked ? "?language=" + encodeURIComponent(asked) : "")).then((answer) => answer.json())
  .then((facts) => { if (!player.session) label(facts); }, () => { /* the socket will say what is wrong */ });
const anew = () => player.begin({ type: "start", seed, language: language() });
const restored = () => player.session && !player.socket;
$("begin").onclick = () => (restored() ? player.resume(kept) : anew());
$("anew").onclick = anew;
$("language").onchange = async () => {
  const wish = { type: "translate", language: language() };
  if (restored()) player.resume(kept, wish);
  else if ($("begin").hidden) player.send(wish);
  else label(await (await fetch("about.json?language=" + encodeURIComponent(language()))).json());
};
$("stop").onclick = () => { player.send({ type: "cancel" }); player.hush(); };
$("save").onclick = () => player.send({ type: "save" });
$("load").onchange = async (event) => {
  const saved = await event.target.files[0].text();
  player.begin({ type: "load", saved });
};
$("free").onsubmit = (event) => {
  event.preventDefault();
  const text = $("words").value.trim();
  if (text) player.answer({ type: "say", text }, text);
  $("words").value = "";
};
const Recognition = window.SpeechRecognition || window.webkitSpeechRecognition;
if (Recognition) {
  $("speak").hidden = false;
  $("speak").onclick = () => {
    const recognition = new Recognition();
    recognition.lang = player.language === "zh" ? "zh-CN" : "en-US";
    recognition.onresult = (event) => { $("words").value = event.results[0][0].transcript; $("free").requestSubmit(); };
    recognition.onerror = () => player.status("");
    recognition.start();
  };
}
