# title: The Lamp
VAR trust = 0
VAR lamp = false
VAR boat_called = false

-> shore

=== shore
The storm came in before the supper was eaten. The lamp of the lighthouse is dark. # id: n_shore
MIRA: You should not be here. Nobody comes here at night. # id: m_shore_1 # emotion: neutral
MIRA: My brother is out there, and the lamp is dark. # id: m_shore_2 # emotion: sad # strength: 0.6
* [I can help you with the lamp. # id: c_shore_help # keywords: help, lamp, light # feels: MIRA happy 0.3]
  ~ trust += 1
  -> stairs
* [Why is it dark? # id: c_shore_why # keywords: why, what happened # feels: MIRA sad 0.3]
  -> why_dark
* [Call the village on the radio. # id: c_shore_radio # keywords: radio, village, call]
  -> radio

=== why_dark
MIRA: The oil ran out. I asked for more in the spring. Nobody came. # id: m_why_1 # emotion: sad # strength: 0.8
MIRA: They forgot us. They always forget us. # id: m_why_2 # emotion: angry # strength: 0.5
+ [I did not forget you. # id: c_why_trust # keywords: forget, sorry # feels: MIRA happy 0.4]
  ~ trust += 1
  -> stairs
+ [Then let us call them. # id: c_why_radio # keywords: call, radio]
  -> radio

=== stairs
Ninety steps. The wind is louder with every one of them. # id: n_stairs
MIRA: Mind the seventh step. It is broken. # id: m_stairs_1
MIRA: What did you come here for? # id: m_stairs_2 # write: ask
* [To see the sea. # id: c_stairs_sea # keywords: sea, water # feels: MIRA happy 0.2]
  MIRA: Then you came on the right night, and on the wrong one. # id: m_stairs_3
  -> lamp_room
* [To find my father. # id: c_stairs_father # keywords: father, find # feels: MIRA sad 0.4]
  ~ trust += 1
  MIRA: So you are waiting for somebody too. # id: m_stairs_4 # emotion: sad # strength: 0.7
  -> lamp_room
* [That is my own affair. # id: c_stairs_own # keywords: own, affair, nothing # feels: MIRA angry 0.4]
  ~ trust -= 1
  MIRA: As you like. # id: m_stairs_5 # emotion: angry # strength: 0.4
  -> lamp_room

=== lamp_room
The glass is cold. There is a little oil in the lower tank, and an old flare gun on the wall. # id: n_lamp
MIRA: There is oil for one hour. Or we fire the flare now, and they see us once. # id: m_lamp_1
* [Light the lamp. # id: c_lamp_light # keywords: lamp, light, oil]
  ~ lamp = true
  -> lit
* [Fire the flare. # id: c_lamp_flare # keywords: flare, fire, gun]
  -> flare
+ {not boat_called} [Use the radio first. # id: c_lamp_radio # keywords: radio, call]
  -> radio

=== radio
ADA: Harbour radio. Speak slowly, the line is bad. # id: a_radio_1
ADA: There are two boats out. One of them does not answer. # id: a_radio_2 # emotion: sad # strength: 0.4
~ boat_called = true
* [Send the lifeboat to the north rock. # id: c_radio_north # keywords: lifeboat, north, rock # feels: ADA happy 0.2]
  ~ trust += 1
  ADA: Lifeboat to the north rock. We go now. # id: a_radio_3
  -> wait
* [Ask who does not answer. # id: c_radio_who # keywords: who, name]
  ADA: The Gull. Tom Arden's boat. # id: a_radio_4 # emotion: sad # strength: 0.6
  MIRA: Tom is my brother. # id: m_radio_1 # emotion: sad # strength: 1.0 # feels: MIRA sad 0.6
  -> wait
* [Put the radio down. # id: c_radio_down # keywords: down, nothing, silent # feels: ADA angry 0.3]
  ADA: Hello? Hello, are you there? # id: a_radio_5 # emotion: angry # strength: 0.4
  -> wait

=== wait
Rain on the window. The clock says ten past two. # id: n_wait
MIRA: I do not know what to say to you. # id: m_wait_1 # write: silence
+ {not lamp} [Go up to the lamp. # id: c_wait_lamp # keywords: up, lamp]
  -> lamp_room
+ [Sit with her and wait. # id: c_wait_sit # keywords: sit, wait, stay # feels: MIRA happy 0.2]
  -> morning
+ [Walk down to the rocks. # id: c_wait_rocks # keywords: walk, rocks, down]
  -> rocks

=== lit
The light goes round. Once, twice. Far out, something answers. # id: n_lit
MIRA: There! Did you see it? A lantern! # id: m_lit_1 # emotion: happy # strength: 1.0 # feels: MIRA happy 0.7
+ [Keep the light on him. # id: c_lit_keep # keywords: keep, light, him]
  -> boat
+ [Run down to the rocks. # id: c_lit_rocks # keywords: run, rocks, down]
  -> rocks

=== flare
The flare is red and very short. After it the night is darker. # id: n_flare
MIRA: If he saw it, he knows where we are. If he did not, # id: m_flare_1 # emotion: sad # strength: 0.8
MIRA: then I have nothing left to give him. # id: m_flare_2 # emotion: sad # strength: 1.0
+ [We wait. # id: c_flare_wait # keywords: wait, stay]
  -> wait
+ [We go down to the rocks. # id: c_flare_rocks # keywords: go, rocks, down]
  -> rocks

=== rocks
The sea is white. A rope lies on the stones, tied to nothing. # id: n_rocks
{ lamp: -> boat }
{ trust > 1: -> voice }
-> empty

=== voice
TOM: Mira? Mira, is that you? # id: t_voice_1 # emotion: sad # strength: 0.5
TOM: I cannot see the rocks. Say something. Say anything! # id: t_voice_2 # emotion: angry # strength: 0.6
+ [Shout his name. # id: c_voice_shout # keywords: shout, tom, name]
  -> boat
+ [Throw the rope. # id: c_voice_rope # keywords: rope, throw]
  -> rope

=== boat
TOM: I saw the light. I saw it, and I knew that you were here. # id: t_boat_1 # emotion: happy # strength: 0.8
MIRA: You are late for supper. # id: m_boat_1 # emotion: happy # strength: 0.6
TOM: Who is this? # id: t_boat_2
MIRA: A guest. Nobody comes here at night, and still, here is a guest. # id: m_boat_2 # ending: the light
-> END

=== rope
TOM: I have it! Pull! # id: t_rope_1 # emotion: happy # strength: 1.0
The Gull is lost. He is not. # id: n_rope
TOM: My father built that boat. # id: t_rope_2 # emotion: sad # strength: 0.9
MIRA: And you will build another. # id: m_rope_1 # ending: the rope
-> END

=== empty
MIRA: There is nobody here. There never was anybody here. # id: m_empty_1 # emotion: sad # strength: 1.0
MIRA: Go home. Please. # id: m_empty_2 # emotion: sad # strength: 1.2 # pause: 0.6 # ending: the empty shore
-> END

=== morning
The storm goes as it came. The sea is grey, and quiet. # id: n_morning
{ boat_called and trust > 0:
  ADA: Lighthouse, this is the harbour. We have Tom Arden. He is cold, and he is hungry. # id: a_morning_1 # emotion: happy # strength: 0.8
  MIRA: Tell him that supper is on the table. # id: m_morning_1 # emotion: happy # strength: 0.7 # ending: the radio
- else:
  MIRA: He will come with the tide. He always comes with the tide. # id: m_morning_2 # emotion: sad # strength: 0.9 # ending: the tide
}
-> END
