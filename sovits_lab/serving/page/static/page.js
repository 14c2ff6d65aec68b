// The page: reads its fields, calls the public API, shows what came back.

import { SpeechClient } from "./client.js";
import { PitchCurve } from "./curve.js";
import { drawWave, samplesOf, samplesOfWav, Sound, StreamPlayer } from "./sound.js";

const CONSENT_VERSION = "page-1";
const KEY = "sovits-key";
const at = (id) => document.getElementById(id);
const curve = new PitchCurve(at("curve"));
const player = new StreamPlayer();
let client = null;
let voices = [];
let sound = new Sound();
let running = null;
let challenge = null; // the sentence that was drawn last
let fileAddress = "";

const say = (id, text, bad = false) => {
  at(id).textContent = text;
  at(id).classList.toggle("bad", bad);
};

async function signIn(key) {
  client = new SpeechClient(key);
  await listVoices();
  sessionStorage.setItem(KEY, key);
  at("sign-in").hidden = true;
  for (const id of ["speak", "voices"]) at(id).hidden = false;
  say("voices-status", "");
  await listEnrolled().catch((error) => say("voices-status", error.message, true));
}

async function listVoices() {
  voices = await client.voices();
  const before = at("voice").value;
  at("voice").replaceChildren(...voices.map((one) => new Option(one.kind === "enrolled" ? `${one.name} (yours)` : one.name, one.id)));
  if (voices.some((one) => one.id === before)) at("voice").value = before;
  chooseVoice();
}

function chooseVoice() {
  const voice = voices.find((one) => one.id === at("voice").value);
  const emotions = voice ? voice.emotions : [];
  const before = at("emotion").value;
  at("emotion").replaceChildren(new Option("as the text says", ""), ...emotions.map((one) => new Option(one, one)));
  if (emotions.includes(before)) at("emotion").value = before;
  at("curve-part").hidden = !(voice && voice.controls.includes("f0"));
  const marks = emotions.filter((one) => one !== "neutral").map((one) => [one, `[emotion:${one}]`, "[/emotion]"]);
  marks.push(["pause", "[pause:0.5s]", ""], ["slower", "[rate:0.8]", "[/rate]"]);
  at("marks").replaceChildren(...marks.map(markButton));
}

function markButton([name, before, after]) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = name;
  button.addEventListener("click", () => {
    const text = at("text");
    const { selectionStart: from, selectionEnd: to } = text;
    text.setRangeText(before + text.value.slice(from, to) + after, from, to, "end");
    text.focus();
  });
  return button;
}

function asked() {
  const ask = { voice: at("voice").value, strength: Number(at("strength").value) };
  if (at("emotion").value) ask.emotion = at("emotion").value;
  if (at("seed").value !== "") ask.seed = Number(at("seed").value);
  return ask;
}

async function speak() {
  running = new AbortController();
  sound = new Sound();
  at("result").hidden = false;
  at("words").hidden = at("replay").hidden = at("download").hidden = true;
  at("words").tBodies[0].replaceChildren();
  at("facts").replaceChildren();
  busy(true);
  say("status", "Speaking…");
  drawWave(at("wave"), sound);
  player.begin();
  const began = performance.now();
  try {
    const drawn = at("curve-part").open && !at("curve-part").hidden && !curve.flat;
    const facts = drawn ? await speakWhole(began) : await speakStream(began);
    const all = Math.round(performance.now() - began);
    showFacts({ ...facts, "All of it": `${all} ms`, Length: `${sound.seconds.toFixed(2)} s` });
    offer();
    say("status", facts.Flags === "none" || !facts.Flags ? `Spoken: ${sound.seconds.toFixed(2)} seconds.` : `Spoken, but: ${facts.Flags}.`);
  } catch (error) {
    say("status", error.name === "AbortError" ? "Stopped." : error.message, error.name !== "AbortError");
  } finally {
    busy(false);
    running = null;
  }
}

async function speakStream(began) {
  const facts = { Seed: "", Flags: "none" };
  const flags = new Set();
  await client.stream(asked(), at("text").value, (event) => {
    if (event.type === "session.created") facts.Model = event.model;
    if (event.labels) sound.labels = event.labels;
    if (event.type === "context.cancelled") say("status", "Stopped.");
    if (event.type === "speech.audio.delta") {
      if (!sound.length) facts["First sound"] = `${Math.round(performance.now() - began)} ms`;
      hear(samplesOf(event.audio), event.sample_rate);
    }
    if (event.type === "speech.segment") {
      facts.Seed ||= String(event.seed);
      facts["Spoken instead"] ||= event.degraded;
      at("words").caption.textContent = `Words, times in seconds${event.timing === "model" ? "" : " (estimated)"}`;
      event.flags.forEach((one) => flags.add(one));
      event.words.forEach(addWord);
    }
  }, running.signal);
  if (flags.size) facts.Flags = [...flags].join(", ");
  return facts;
}

async function speakWhole(began) {
  const ask = { ...asked(), input: at("text").value, f0: curve.asked() };
  const { bytes, headers } = await client.speak(ask, running.signal);
  const { samples, rate } = samplesOfWav(bytes);
  const first = `${Math.round(performance.now() - began)} ms`;
  hear(samples, rate);
  sound.whole = bytes;
  return {
    Seed: headers.get("X-Seed") || "",
    "First sound": first,
    Model: headers.get("X-Model") || "",
    Flags: headers.get("X-Flags") || "none",
    "Spoken instead": headers.get("X-Degraded") || "",
  };
}

function hear(samples, rate) {
  sound.add(samples, rate);
  player.play(samples, rate);
  drawWave(at("wave"), sound);
}

function addWord({ word, start, end }) {
  const row = at("words").tBodies[0].insertRow();
  [word, start.toFixed(2), end.toFixed(2)].forEach((value) => (row.insertCell().textContent = value));
  at("words").hidden = false;
}

function showFacts(facts) {
  const shown = Object.entries(facts).filter(([, value]) => value);
  at("facts").replaceChildren(...shown.map(([name, value]) => {
    const group = document.createElement("div");
    group.append(Object.assign(document.createElement("dt"), { textContent: name }));
    group.append(Object.assign(document.createElement("dd"), { textContent: value }));
    return group;
  }));
}

function offer() {
  if (!sound.length) return;
  URL.revokeObjectURL(fileAddress);
  fileAddress = URL.createObjectURL(sound.file());
  at("download").href = at("replay").src = fileAddress;
  at("download").hidden = at("replay").hidden = false;
}

function busy(now) {
  at("go").disabled = now;
  at("stop").disabled = !now;
}

async function listEnrolled() {
  const found = await client.enrolled();
  at("enrolled").replaceChildren(...found.map(enrolledCard));
  if (!found.length) say("voices-status", at("voices-status").textContent || "You have enrolled none.");
}

function enrolledCard(voice) {
  const card = document.createElement("li");
  const what = Object.assign(document.createElement("span"), { className: "what", textContent: voice.name });
  const more = [voice.id, ...voice.languages, voice.consent_id].filter(Boolean).join(" · ");
  what.append(Object.assign(document.createElement("small"), { textContent: more }));
  const button = Object.assign(document.createElement("button"), { type: "button", className: "danger", textContent: "Withdraw consent" });
  button.setAttribute("aria-label", `Withdraw consent for ${voice.name}`);
  button.addEventListener("click", () => revoke(voice));
  card.append(what, button);
  return card;
}

function revoke(voice) {
  at("confirm-text").textContent = `The recording of ${voice.name}, everything derived from it, and speech that is still kept are deleted. This cannot be undone.`;
  at("confirm").returnValue = "no";
  at("confirm").showModal();
  at("confirm").onclose = () => at("confirm").returnValue === "yes" && revokeNow(voice);
}

async function revokeNow(voice) {
  try {
    await client.revoke(voice.id);
    await Promise.all([listVoices(), listEnrolled()]);
    say("voices-status", `${voice.name} was deleted.`);
  } catch (error) {
    say("voices-status", error.message, true);
  }
}

async function drawSentence() {
  try {
    challenge = await client.drawChallenge(at("languages").value.trim().startsWith("zh") ? "zh" : "en");
    say("sentence", challenge.sentence);
    at("said").value = "";
    at("said").disabled = false;
  } catch (error) {
    say("sentence", error.message, true);
  }
}

function dropSentence() { // it is used once, whatever came of it
  challenge = null;
  say("sentence", "");
  at("said").value = "";
  at("said").disabled = true;
}

async function enrol() {
  const form = new FormData();
  form.set("clip", at("clip").files[0]);
  form.set("name", at("name").value);
  const consent = { who: at("who").value, purpose: at("purpose").value, until: at("until").value, version: CONSENT_VERSION };
  form.set("consent", JSON.stringify(consent));
  if (at("clip-text").value.trim()) form.set("text", at("clip-text").value);
  form.set("languages", at("languages").value);
  const said = challenge && at("said").files[0];
  if (said) {
    form.set("challenge", said);
    form.set("challenge_id", challenge.id);
  }
  say("voices-status", "Checking the recording…");
  try {
    const made = await client.enrol(form);
    at("enrol").reset();
    dropSentence();
    await Promise.all([listVoices(), listEnrolled()]);
    say("voices-status", [`${made.name} is enrolled.`, ...(made.remarks || [])].join(" "));
  } catch (error) {
    if (said) dropSentence();
    say("voices-status", error.message, true);
  }
}

function begin() {
  const on = (id, kind, act) => at(id).addEventListener(kind, (event) => {
    if (kind === "submit") event.preventDefault();
    act(event);
  });
  on("sign-in", "submit", () => signIn(at("key").value.trim()).catch((error) => say("key-hint", error.message, true)));
  on("speak", "submit", speak);
  on("stop", "click", () => {
    running?.abort();
    player.end();
  });
  on("voice", "change", chooseVoice);
  on("strength", "input", () => (at("strength-value").textContent = Number(at("strength").value).toFixed(1)));
  on("curve-seconds", "input", () => {
    curve.seconds = Math.max(0.5, Math.min(30, Number(at("curve-seconds").value) || 3));
    curve.draw();
  });
  on("curve-flat", "click", () => curve.flatten());
  on("curve-part", "toggle", () => curve.draw());
  on("enrol", "submit", enrol);
  on("draw", "click", drawSentence);
  window.addEventListener("resize", () => drawWave(at("wave"), sound));
  const kept = sessionStorage.getItem(KEY);
  if (kept) signIn(kept).catch(() => sessionStorage.removeItem(KEY));
}

begin();
