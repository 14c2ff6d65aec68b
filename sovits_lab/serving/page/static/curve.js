// A pitch curve to draw: a few points over time, by pointer or by keys.

import { fit } from "./sound.js";

const POINTS = 13;
const FURTHEST = 12; // semitones

export class PitchCurve {
  constructor(canvas) {
    this.canvas = canvas;
    this.values = new Array(POINTS).fill(0);
    this.chosen = 0;
    this.seconds = 3;
    canvas.addEventListener("pointerdown", (event) => this.#grab(event));
    canvas.addEventListener("pointermove", (event) => event.buttons && this.#drag(event));
    canvas.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  get flat() {
    return this.values.every((value) => value === 0);
  }

  /** Values over time as the API takes them. */
  asked() {
    const step = this.seconds / (POINTS - 1);
    return { values: this.values, seconds: this.values.map((_, i) => Number((i * step).toFixed(3))), relative: true };
  }

  flatten() {
    this.values.fill(0);
    this.draw();
  }

  draw() {
    const { width, height, scale } = fit(this.canvas);
    if (!width) return;
    const pen = this.canvas.getContext("2d");
    const style = getComputedStyle(this.canvas);
    const at = (i) => [this.#x(i, width, scale), this.#y(this.values[i], height, scale)];
    pen.clearRect(0, 0, width, height);
    pen.strokeStyle = style.borderTopColor;
    pen.fillStyle = style.caretColor;
    pen.font = `${12 * scale}px system-ui`;
    for (const level of [-12, -6, 0, 6, 12]) {
      const y = this.#y(level, height, scale);
      pen.lineWidth = level ? scale : 2 * scale;
      pen.beginPath();
      pen.moveTo(0, y);
      pen.lineTo(width, y);
      pen.stroke();
      pen.fillText(level > 0 ? `+${level}` : `${level}`, 4 * scale, y - 3 * scale);
    }
    pen.strokeStyle = pen.fillStyle = style.color;
    pen.lineWidth = 2.5 * scale;
    pen.beginPath();
    this.values.forEach((_, i) => pen.lineTo(...at(i)));
    pen.stroke();
    this.values.forEach((_, i) => {
      pen.beginPath();
      pen.arc(...at(i), (i === this.chosen ? 8 : 5) * scale, 0, 2 * Math.PI);
      pen.fill();
    });
    this.#tell();
  }

  #x(i, width, scale) {
    const edge = 14 * scale;
    return edge + (i * (width - 2 * edge)) / (POINTS - 1);
  }

  #y(value, height, scale) {
    const edge = 18 * scale;
    return height / 2 - (value * (height / 2 - edge)) / FURTHEST;
  }

  #tell() {
    const value = this.values[this.chosen];
    const when = ((this.chosen * this.seconds) / (POINTS - 1)).toFixed(2);
    this.canvas.setAttribute("aria-valuenow", value);
    this.canvas.setAttribute("aria-valuetext", `point ${this.chosen + 1} of ${POINTS}, at ${when} seconds: ${value} semitones`);
  }

  #grab(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.#drag(event);
  }

  #drag(event) {
    const box = this.canvas.getBoundingClientRect();
    const share = (event.clientX - box.left - 14) / (box.width - 28);
    this.chosen = Math.max(0, Math.min(POINTS - 1, Math.round(share * (POINTS - 1))));
    const high = (box.height / 2 - (event.clientY - box.top)) / (box.height / 2 - 18);
    this.#set(high * FURTHEST);
    event.preventDefault();
  }

  #key(event) {
    const step = event.shiftKey ? 3 : 0.5;
    const value = this.values[this.chosen];
    const moves = {
      ArrowLeft: () => (this.chosen = Math.max(0, this.chosen - 1)),
      ArrowRight: () => (this.chosen = Math.min(POINTS - 1, this.chosen + 1)),
      ArrowUp: () => this.#set(value + step),
      ArrowDown: () => this.#set(value - step),
      Home: () => (this.chosen = 0),
      End: () => (this.chosen = POINTS - 1),
      Delete: () => this.#set(0),
    };
    if (!(event.key in moves)) return;
    moves[event.key]();
    this.draw();
    event.preventDefault();
  }

  #set(value) {
    this.values[this.chosen] = Math.round(Math.max(-FURTHEST, Math.min(FURTHEST, value)) * 2) / 2;
    this.draw();
  }
}
