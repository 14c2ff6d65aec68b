// Speaks text that comes in pieces, as a language model writes it; usage: node speak.mjs [TEXT] [VOICE] [EMOTION]
import { writeFileSync } from "node:fs";

const [text = "The river is cold. The night is long.", voice = "ann", emotion = "sad"] = process.argv.slice(2);
const place = new URL("v1/audio/stream", (process.env.SOVITS_URL ?? "http://127.0.0.1:8000") + "/");
place.protocol = place.protocol.replace("http", "ws");
// Browsers cannot send headers with a socket: the key goes as a protocol.
const socket = new WebSocket(place, ["sovits.v1", `bearer.${process.env.SOVITS_KEY}`]);
const pieces = [];
let rate = 0;

const send = (message) => socket.send(JSON.stringify(message));
const wav = (samples) => {
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + samples.length, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(2 * rate, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write("data", 36);
  head.writeUInt32LE(samples.length, 40);
  return Buffer.concat([head, samples]);
};

socket.onopen = () => {
  send({ type: "session.update", voice, emotion, seed: 7 });
  for (const word of text.split(/(?<= )/)) send({ type: "input_text.append", text: word });
  send({ type: "input_text.end" });
};
socket.onmessage = ({ data }) => {
  const event = JSON.parse(data);
  if (event.type === "speech.audio.delta") {
    rate = event.sample_rate;
    pieces.push(Buffer.from(event.audio, "base64"));
  } else if (event.type === "speech.segment") {
    for (const { word, start, end } of event.words) console.log(`${start.toFixed(2)}-${end.toFixed(2)} ${word}`);
  } else if (event.type === "speech.audio.done") {
    writeFileSync("speech.wav", wav(Buffer.concat(pieces)));
    socket.close();
  } else if (event.type === "error") {
    console.error(event.detail);
    process.exitCode = 1;
    socket.close();
  }
};
socket.onerror = () => {
  console.error("the service refused the connection");
  process.exitCode = 1;
};
