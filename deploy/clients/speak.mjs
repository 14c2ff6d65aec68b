// Speaks text that comes in pieces, as a language model writes it; usage: node speak.mjs [TEXT] [VOICE] [EMOTION]
import { writeFileSync } from "node:fs";

const [text = "The river is cold. The night is long.", voice = "heart", emotion = "sad"] = process.argv.slice(2);
const place = new URL("v1/audio/stream", (process.env.SOVITS_URL ?? "http://127.0.0.1:8000") + "/");
place.protocol = place.protocol.replace("http", "ws");
// Browsers cannot send headers with a socket: the key goes as a protocol.
const socket = new WebSocket(place, ["sovits.v1", `bearer.${process.env.SOVITS_KEY}`]);
const pieces = [];
let rate = 0;

const send = (message) => socket.send(JSON.stringify(message));
const chunk = (name, content) => {
  const head = Buffer.alloc(8);
  head.write(name, 0);
  head.writeUInt32LE(content.length, 4);
  return Buffer.concat([head, content, Buffer.alloc(content.length % 2)]);
};
// A file says that it is synthetic: the labels of the last event stand before the samples.
const wav = (samples, labels) => {
  const format = Buffer.alloc(16);
  format.writeUInt16LE(1, 0);
  format.writeUInt16LE(1, 2);
  format.writeUInt32LE(rate, 4);
  format.writeUInt32LE(2 * rate, 8);
  format.writeUInt16LE(2, 12);
  format.writeUInt16LE(16, 14);
  const parts = [Buffer.from("WAVE"), chunk("fmt ", format)];
  if (labels.AIGC) parts.push(chunk("AIGC", Buffer.from(labels.AIGC)));
  if (labels.comment) parts.push(chunk("LIST", Buffer.concat([Buffer.from("INFO"), chunk("ICMT", Buffer.from(labels.comment + "\0"))])));
  return chunk("RIFF", Buffer.concat([...parts, chunk("data", samples)]));
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
    writeFileSync("speech.wav", wav(Buffer.concat(pieces), event.labels));
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
