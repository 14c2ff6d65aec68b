// The page of a listening test. It reads PLAN (plan.js), asks, and keeps the answers in the browser until they are saved.
"use strict";
(() => {
  const plan = window.PLAN, main = document.getElementById("main");
  const store = "listening-" + plan.id;
  const query = new URLSearchParams(location.search);
  let state = load(), texts = null, sounding = null;

  function load() {
    try { return JSON.parse(localStorage.getItem(store)) || fresh(); } catch { return fresh(); }
  }
  function fresh() {
    const bytes = crypto.getRandomValues(new Uint32Array(1))[0];
    const given = (query.get("listener") || "").replace(/[^A-Za-z0-9_-]/g, "").slice(0, 32);
    const language = navigator.language.startsWith("zh") ? "zh" : "en";
    return { listener: given || "r" + bytes.toString(36), language: query.get("language") || language, session: null,
             consent: false, device: "", headphones: [], answers: [], step: 0, started: "", comment: "" };
  }
  function keep() {
    try { localStorage.setItem(store, JSON.stringify(state)); } catch { /* private windows keep nothing: the test goes on */ }
  }
  function add(parent, tag, properties = {}, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    parent.append(made);
    return made;
  }
  function screen(title) {
    if (sounding) sounding.pause();
    main.replaceChildren();
    const heading = add(main, "h1", { textContent: title, tabIndex: -1 });
    heading.focus();
    window.scrollTo(0, 0);
  }
  function choose(parent, name, options, then, question = "") {
    const field = add(parent, "fieldset");
    if (question) add(field, "legend", { textContent: question });
    options.forEach((text, value) => {
      const label = add(field, "label", { className: "answer" });
      const input = add(label, "input", { type: "radio", name, value });
      input.addEventListener("change", () => then(value));
      add(label, "span", { textContent: text });
    });
  }

  function welcome() {
    texts = plan.texts[state.language] || plan.texts.en;
    document.documentElement.lang = state.language;
    document.title = plan.title;
    screen(texts.consent_title);
    const select = add(main, "select", { ariaLabel: "Language / 语言", id: "language" });
    for (const [code, one] of Object.entries(plan.texts)) add(select, "option", { value: code, textContent: one.language, selected: code === state.language });
    select.addEventListener("change", () => { state.language = select.value; keep(); welcome(); });
    for (const text of texts.consent) add(main, "p", { textContent: text.replace("{minutes}", plan.minutes) });
    const agree = add(main, "label", { className: "answer" });
    const box = add(agree, "input", { type: "checkbox", id: "agree" });
    add(agree, "span", { textContent: texts.agree });
    const label = add(main, "label", { textContent: texts.code });
    const code = add(label, "input", { type: "text", id: "code", value: state.listener, maxLength: 32 });
    add(main, "p", { className: "quiet", textContent: texts.code_help });
    let device = "";
    choose(main, "device", [texts.headphones_yes, texts.headphones_no], value => { device = ["headphones", "loudspeakers"][value]; ready(); }, texts.headphones_ask);
    const go = add(main, "button", { className: "go", textContent: texts.start, disabled: true, id: "go" });
    const ready = () => { go.disabled = !(box.checked && device && /^[A-Za-z0-9_-]+$/.test(code.value.trim())); };
    box.addEventListener("change", ready);
    code.addEventListener("input", ready);
    go.addEventListener("click", () => {
      state.listener = code.value.trim();
      const number = /^\d+$/.test(state.listener) ? Number(state.listener) : hash(state.listener);
      Object.assign(state, { consent: true, device, session: number % plan.sessions.length, started: new Date().toISOString() });
      keep();
      step();
    });
  }
  function hash(text) {
    let value = 0;
    for (const letter of text) value = (value * 31 + letter.codePointAt(0)) >>> 0;
    return value;
  }

  function step() {
    keep();
    const turns = plan.sessions[state.session];
    if (state.headphones.length < plan.headphones) headphones(state.headphones.length);
    else if (state.answers.length < turns.length) trial(turns[state.answers.length]);
    else if (!state.finished) last();
    else finish();
  }
  function progress() {
    const total = plan.headphones + plan.sessions[state.session].length, done = state.headphones.length + state.answers.length;
    add(main, "progress", { value: done, max: total, ariaLabel: `${done} ${texts.of} ${total}` });
    add(main, "p", { className: "quiet", textContent: `${done + 1} ${texts.of} ${total}` });
  }

  // Buttons for sounds; `heard` is called at the end of each.
  function players(parent, files, labels, heard) {
    const row = add(parent, "div", { className: "sounds" }), plays = files.map(() => 0);
    files.forEach((file, i) => {
      const button = add(row, "button", { type: "button", textContent: `▶ ${texts.play} ${labels[i]}`.trim() });
      const audio = new Audio(`sounds/${file}.flac`);
      audio.preload = "auto";
      audio.addEventListener("ended", () => { plays[i] += 1; button.classList.add("heard"); button.classList.remove("playing"); heard(plays); });
      audio.addEventListener("pause", () => button.classList.remove("playing"));
      button.addEventListener("click", () => {
        if (sounding && sounding !== audio) { sounding.pause(); sounding.currentTime = 0; }
        sounding = audio;
        audio.currentTime = 0;
        button.classList.add("playing");
        audio.play();
      });
    });
    return plays;
  }

  function headphones(round) {
    screen(texts.headphones_title);
    progress();
    let answer = null, heard = false;
    players(main, [`headphones${round}`], [""], () => { heard = true; ready(); });
    choose(main, "tone", texts.headphones_options, value => { answer = value; ready(); }, texts.headphones_question);
    const go = add(main, "button", { className: "go", textContent: texts.next, disabled: true, id: "go" });
    const ready = () => { go.disabled = answer === null || !heard; };
    go.addEventListener("click", () => { state.headphones.push(answer); step(); });
  }

  function trial(turn) {
    const one = plan.trials[turn.trial], words = texts[one.kind];
    screen(words.title);
    progress();
    if (one.training) add(main, "p", { className: "note", textContent: texts.training_note });
    const spoken = plan.spoken[state.language] || {};
    const files = turn.order.map(i => one.sounds[i]).map(name => spoken[name] || name);
    const began = performance.now();
    let answer = null, plays = files.map(() => 0), told = false;
    add(main, "p", { className: "quiet", textContent: words.help });
    players(main, files, words.labels.slice(0, files.length), now => { plays = now; ready(); });
    ask(one.kind, words, files.length, value => { answer = value; ready(); });
    add(main, "p", { className: "quiet", textContent: `${texts.must_play} ${texts.keys}` });
    const feedback = add(main, "p", { className: "note", hidden: true, id: "feedback" });
    const go = add(main, "button", { className: "go", textContent: texts.next, disabled: true, id: "go" });
    const ready = () => { go.disabled = answer === null || plays.some(count => count === 0); };
    go.addEventListener("click", () => {
      if (one.training && !told && one.right) {
        told = true;
        feedback.textContent = one.right[turn.order.join()].some(value => JSON.stringify(value) === JSON.stringify(answer)) ? texts.training_right : texts.training_other;
        feedback.hidden = false;
        return;
      }
      state.answers.push({ trial: turn.trial, again: turn.again, answer, plays, seconds: Math.round(performance.now() - began) / 1000 });
      step();
    });
  }

  // `then` gets the answer: a place, or a list.
  function ask(kind, words, count, then) {
    if (kind === "mushra") return sliders(words, count, then);
    if (kind === "bws") return extremes(words, count, then);
    const options = kind === "choice" ? [...plan.emotions.map(name => words.emotions[name] || name), words.none] : words.options;
    return choose(main, "answer", options, then, words.question);
  }
  function sliders(words, count, then) {
    const field = add(main, "fieldset"), values = Array(count).fill(null);
    add(field, "legend", { textContent: words.question });
    for (let i = 0; i < count; i++) {
      const row = add(field, "label", { className: "slider" });
      add(row, "span", { textContent: `${texts.sound} ${words.labels[i]}` });
      const input = add(row, "input", { type: "range", min: 0, max: 100, value: 50, name: `slider${i}` });
      const shown = add(row, "output", { textContent: "–" });
      const set = () => { values[i] = Number(input.value); shown.textContent = input.value; if (!values.includes(null)) then([...values]); };
      for (const event of ["input", "change", "click", "pointerup", "touchend", "keyup"]) input.addEventListener(event, e => { if (event !== "keyup" || e.key !== "Tab") set(); });
    }
  }
  function extremes(words, count, then) {
    const field = add(main, "fieldset"), chosen = [null, null];
    add(field, "legend", { textContent: words.question });
    const table = add(field, "table"), head = add(table, "tr");
    for (const text of [words.most, "", words.least]) add(head, "th", { textContent: text });
    for (let i = 0; i < count; i++) {
      const row = add(table, "tr");
      [0, null, 1].forEach(side => {
        const cell = add(row, "td", side === null ? { textContent: words.labels[i] } : {});
        if (side === null) return;
        const input = add(cell, "input", { type: "radio", name: side === 0 ? "most" : "least", value: i, ariaLabel: `${side === 0 ? words.most : words.least} ${words.labels[i]}` });
        input.addEventListener("change", () => { chosen[side] = i; then(chosen.includes(null) || chosen[0] === chosen[1] ? null : [...chosen]); });
      });
    }
  }

  function last() {
    screen(texts.finished_title);
    const label = add(main, "label", { textContent: texts.comment });
    const box = add(label, "textarea", { id: "comment", rows: 4, maxLength: 1000 });
    const go = add(main, "button", { className: "go", textContent: texts.done, id: "go" });
    go.addEventListener("click", () => { state.comment = box.value; state.finished = new Date().toISOString(); step(); });
  }
  function result() {
    const { listener, session, language, consent, device, headphones, answers, started, finished, comment } = state;
    return { version: 1, plan: plan.id, listener, session, language, consent, device, headphones, answers, started, finished, comment };
  }
  async function finish() {
    screen(texts.finished_title);
    const text = JSON.stringify(result());
    let received = false;
    if (location.protocol.startsWith("http") && plan.server) {
      try { received = (await fetch("results", { method: "POST", headers: { "Content-Type": "application/json" }, body: text })).ok; } catch { received = false; }
    }
    add(main, "p", { id: "end", textContent: received ? texts.finished_server : texts.finished });
    const link = add(main, "a", { href: URL.createObjectURL(new Blob([text], { type: "application/json" })), download: `results-${plan.id}-${state.listener}.json` });
    add(link, "button", { className: "go", textContent: texts.save, id: "save" });
  }

  document.addEventListener("keydown", event => {
    const typing = ["text", "textarea"].includes(event.target.type);
    if (typing || event.ctrlKey || event.altKey || event.metaKey) return;
    const buttons = document.querySelectorAll(".sounds button"), go = document.getElementById("go");
    if (/^[1-9]$/.test(event.key) && buttons[event.key - 1]) { event.preventDefault(); buttons[event.key - 1].click(); }
    if (event.key === "Enter" && event.target.tagName !== "BUTTON" && go && !go.disabled) { event.preventDefault(); go.click(); }
  });

  texts = plan.texts[state.language] || plan.texts.en;
  document.documentElement.lang = state.language;
  document.title = plan.title;
  if (state.consent && state.session !== null) step(); else welcome();
})();
