// Sound as it arrives: played without gaps, kept as a file, drawn.

export class Sound {
  constructor() {
    this.labels = {}; // that say in the file that it is synthetic, by their names
    this.whole = null; // the file itself, where it came as one
    this.pieces = [];
    this.length = 0;
    this.rate = 0;
  }

  get seconds() {
    return this.rate ? this.length / this.rate : 0;
  }

  add(samples, rate) {
    this.pieces.push(samples);
    this.length += samples.length;
    this.rate = rate;
  }

  /** The loudest sample of each of `count` equal parts. */
  peaks(count) {
    const found = new Float32Array(count);
    let at = 0;
    for (const piece of this.pieces) {
      for (let i = 0; i < piece.length; i += 1, at += 1) {
        const slot = Math.min(count - 1, Math.floor((at * count) / this.length));
        found[slot] = Math.max(found[slot], Math.abs(piece[i]) / 32768);
      }
    }
    return found;
  }

  /** A 16-bit WAV file with its labels before the samples. */
  file() {
    if (this.whole) return new Blob([this.whole], { type: "audio/wav" });
    const format = new DataView(new ArrayBuffer(16));
    format.setUint16(0, 1, true);
    format.setUint16(2, 1, true);
    format.setUint32(4, this.rate, true);
    format.setUint32(8, 2 * this.rate, true);
    format.setUint16(12, 2, true);
    format.setUint16(14, 16, true);
    const parts = ["WAVE", chunk("fmt ", [format])];
    if (this.labels.AIGC) parts.push(chunk("AIGC", [this.labels.AIGC]));
    if (this.labels.comment) parts.push(chunk("LIST", ["INFO", chunk("ICMT", [`${this.labels.comment}\0`])]));
    parts.push(chunk("data", this.pieces));
    return new Blob([chunk("RIFF", parts)], { type: "audio/wav" });
  }
}

/** A named part of a WAV file, of even length. */
function chunk(name, parts) {
  const content = new Blob(parts);
  const size = new DataView(new ArrayBuffer(4));
  size.setUint32(0, content.size, true);
  return new Blob([name, size, content, "\0".repeat(content.size % 2)]);
}

/** Plays pieces one after the other as they come. */
export class StreamPlayer {
  constructor() {
    this.context = null;
    this.next = 0;
  }

  /** Call it from a click: browsers play nothing before one. */
  begin() {
    this.end();
    this.context = new AudioContext();
    this.next = 0;
  }

  play(samples, rate) {
    const buffer = this.context.createBuffer(1, samples.length, rate);
    buffer.copyToChannel(Float32Array.from(samples, (value) => value / 32768), 0);
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.context.destination);
    this.next = Math.max(this.next, this.context.currentTime + 0.02);
    source.start(this.next);
    this.next += buffer.duration;
  }

  end() {
    if (this.context) this.context.close();
    this.context = null;
  }
}

/** 16-bit samples of base64. */
export function samplesOf(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new Int16Array(bytes.buffer, 0, bytes.length >> 1);
}

/** 16-bit samples and rate of a WAV file; chunks other than format and samples are passed over. */
export function samplesOfWav(buffer) {
  const view = new DataView(buffer);
  let rate = 0;
  for (let place = 12; place + 8 <= view.byteLength; ) {
    const name = String.fromCharCode(...new Uint8Array(buffer, place, 4));
    const size = view.getUint32(place + 4, true);
    if (name === "fmt ") rate = view.getUint32(place + 12, true);
    if (name === "data") {
      const whole = Math.min(size, view.byteLength - place - 8) & ~1;
      return { rate, samples: new Int16Array(buffer.slice(place + 8, place + 8 + whole)) };
    }
    place += 8 + size + (size % 2);
  }
  throw new Error("the reply holds no sound");
}

export function drawWave(canvas, sound) {
  const { width, height } = fit(canvas);
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, width, height);
  pen.fillStyle = getComputedStyle(canvas).color;
  const peaks = sound.length ? sound.peaks(Math.floor(width / 2)) : [];
  peaks.forEach((peak, i) => {
    const tall = Math.max(1, peak * height * 0.95);
    pen.fillRect(2 * i, (height - tall) / 2, 1.4, tall);
  });
  canvas.setAttribute("aria-label", `Waveform of ${sound.seconds.toFixed(2)} seconds`);
}

/** Give a canvas as many points as it covers on the screen. */
export function fit(canvas) {
  const scale = window.devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * scale);
  const height = Math.round(canvas.clientHeight * scale);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  return { width, height, scale };
}
