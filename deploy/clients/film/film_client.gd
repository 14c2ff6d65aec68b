# A film in Godot 4 through the engine protocol: add it to a scene with an AudioStreamPlayer child named "Voice".
extends Node

signal line_begun(character: String, text: String, emotion: String)
signal narrated(text: String)
signal choices_offered(choices: Array)
signal viseme(shape: String)
signal ended(ending: String)

@export var address := "ws://127.0.0.1:8765/film"

var socket := WebSocketPeer.new()
var session := ""
var seq := 0
var over := false
var greeted := false
var pending := PackedVector2Array()
var shapes: Array = []  # shape, begin, end: seconds since the first frame of the film
var queued := 0  # frames
var pushed := 0
var line_begins := 0.0
var question := 0
var answer: Variant = null  # that may not have come through
var playback: AudioStreamGeneratorPlayback

func _ready() -> void:
	socket.inbound_buffer_size = 1 << 22
	socket.connect_to_url(address)

func _process(_delta: float) -> void:
	socket.poll()
	match socket.get_ready_state():
		WebSocketPeer.STATE_OPEN:
			if not greeted:
				greeted = true
				send({"type": "start", "seed": 0} if session == "" else {"type": "resume", "session": session, "after": seq})
				if answer != null:
					send(answer)  # the film takes an answer to a question once
			while socket.get_available_packet_count() > 0:
				take(JSON.parse_string(socket.get_packet().get_string_from_utf8()))
		WebSocketPeer.STATE_CLOSED:
			if not over:
				greeted = false
				socket = WebSocketPeer.new()
				socket.inbound_buffer_size = 1 << 22
				socket.connect_to_url(address)
	play()

func choose(index: int) -> void: reply({"type": "choose", "index": index})
func say(words: String) -> void: reply({"type": "say", "text": words})
func reply(message: Dictionary) -> void:
	message["question"] = question
	answer = message
	if socket.get_ready_state() == WebSocketPeer.STATE_OPEN:
		send(message)
func interrupt() -> void:
	pending.clear()
	shapes.clear()
	pushed = queued
	send({"type": "cancel"})

func send(message: Dictionary) -> void: socket.send_text(JSON.stringify(message))

func take(message: Dictionary) -> void:
	var number := int(message.get("seq", 0))
	if number != 0 and number <= seq:
		return
	seq = max(seq, number)
	if number != 0:
		answer = null
	match message["type"]:
		"hello":  # it comes again in another language
			if session == "":
				session = message["session"]
				var stream := AudioStreamGenerator.new()
				stream.mix_rate = message["sample_rate"]
				$Voice.stream = stream
				$Voice.play()
				playback = $Voice.get_stream_playback()
		"line":  # it comes while the one before is still heard
			for i in int(message["pause"] * $Voice.stream.mix_rate):
				pending.append(Vector2.ZERO)
				queued += 1
			line_begins = queued / $Voice.stream.mix_rate
			line_begun.emit(message["character"], message["text"], message["emotion"])
		"audio":
			var pcm := Marshalls.base64_to_raw(message["pcm"])
			for i in range(0, pcm.size() - 1, 2):
				var value := pcm.decode_s16(i) / 32768.0
				pending.append(Vector2(value, value))
				queued += 1
			for one in message["visemes"]:
				shapes.append([one[0], line_begins + one[1], line_begins + one[2]])
		"narration": narrated.emit(message["text"])
		"choices":
			question = number
			choices_offered.emit(message["choices"])
		"end":
			over = true
			socket.close(1000)
			ended.emit(message["ending"])
		"error": push_warning(message["message"])

func play() -> void:
	if playback == null:
		return
	var count: int = min(playback.get_frames_available(), pending.size())
	if count > 0:
		playback.push_buffer(pending.slice(0, count))
		pending = pending.slice(count)
		pushed += count
	var rate: float = $Voice.stream.mix_rate
	var waiting: int = int(rate * $Voice.stream.buffer_length) - playback.get_frames_available()
	var place := (pushed - max(0, waiting)) / rate  # what is heard, not what is handed over
	shapes = shapes.filter(func(one: Array) -> bool: return one[2] > place - 1.0)
	var held := "sil"
	for one in shapes:
		if one[1] <= place and place < one[2]:
			held = one[0]
	viseme.emit(held)
