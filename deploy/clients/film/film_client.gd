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
var shapes: Array = []
var place := 0.0
var playback: AudioStreamGeneratorPlayback

func _ready() -> void:
	socket.inbound_buffer_size = 1 << 22
	socket.connect_to_url(address)

func _process(delta: float) -> void:
	socket.poll()
	match socket.get_ready_state():
		WebSocketPeer.STATE_OPEN:
			if not greeted:
				greeted = true
				send({"type": "start", "seed": 0} if session == "" else {"type": "resume", "session": session, "after": seq})
			while socket.get_available_packet_count() > 0:
				take(JSON.parse_string(socket.get_packet().get_string_from_utf8()))
		WebSocketPeer.STATE_CLOSED:
			if not over:
				greeted = false
				socket = WebSocketPeer.new()
				socket.inbound_buffer_size = 1 << 22
				socket.connect_to_url(address)
	play(delta)

func choose(index: int) -> void: send({"type": "choose", "index": index})
func say(words: String) -> void: send({"type": "say", "text": words})
func interrupt() -> void:
	pending.clear()
	send({"type": "cancel"})

func send(message: Dictionary) -> void: socket.send_text(JSON.stringify(message))

func take(message: Dictionary) -> void:
	var number := int(message.get("seq", 0))
	if number != 0 and number <= seq:
		return
	seq = max(seq, number)
	match message["type"]:
		"hello":
			session = message["session"]
			var stream := AudioStreamGenerator.new()
			stream.mix_rate = message["sample_rate"]
			$Voice.stream = stream
			$Voice.play()
			playback = $Voice.get_stream_playback()
		"line":
			place = 0.0
			shapes.clear()
			line_begun.emit(message["character"], message["text"], message["emotion"])
		"audio":
			var pcm := Marshalls.base64_to_raw(message["pcm"])
			for i in range(0, pcm.size() - 1, 2):
				var value := pcm.decode_s16(i) / 32768.0
				pending.append(Vector2(value, value))
			shapes.append_array(message["visemes"])
		"narration": narrated.emit(message["text"])
		"choices": choices_offered.emit(message["choices"])
		"end":
			over = true
			ended.emit(message["ending"])
		"error": push_warning(message["message"])

func play(delta: float) -> void:
	if playback == null:
		return
	var count: int = min(playback.get_frames_available(), pending.size())
	if count > 0:
		playback.push_buffer(pending.slice(0, count))
		pending = pending.slice(count)
	place += delta
	var held := "sil"
	for one in shapes:
		if one[1] <= place and place < one[2]:
			held = one[0]
	viseme.emit(held)
