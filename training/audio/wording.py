"""How questions about sounds are worded; patterns as in data/wording.py."""

from data.wording import FALSE_SHARE, expand  # noqa: F401

REC = "(recording|recording|sound|audio|clip)"
IN = f"in (the|this) {REC}"
INO = "(| in the recording| in this recording| here| in the clip| in this audio)"

NAME = expand(
    "What is (it|this|that)?", "What (do|can) you hear (| here| in the recording| in this clip)?", f"What is {IN}?", "(What|Which) sound is (it|this|that)?", f"(What|Which) sound is {IN}?",
    f"What (makes|is making) (this|the) (sound|noise)?", "What sound do you hear?", "Name (it|this|the sound|this sound).", "Tell me what (it|this) is.",
    f"What am I (hearing|listening to)?", f"What does (the|this) {REC} contain?", f"(Identify|Recognize) the sound {INO}.", "What is this (sound|noise)?",
    "Do you know what this is?", "what do you hear", "what is it", "Which noise is this?")
KIND = expand(
    f"(What|Which) {{k}} is {IN}?", "(What|Which) {k} (do|can) you hear (| here| in the recording)?", "(What|Which) {k} (is it|is this|is that)?",
    "Name the {k} (| in the recording).", "(What|Which) kind of {k} is (it|this)?", f"(What|Which) kind of {{k}} is {IN}?", "There is {ak} in the recording. What is it?")
PLAYING = expand("(What|Which) instrument is (playing|being played|played) (| here)?", "What instrument plays (| here)?")
EXIST = expand(f"Is there {{a}} {INO}?", f"Is there {{a}} {IN}?", f"(Do|Can) you hear {{a}} {INO}?", f"Does (the|this) {REC} (contain|have) {{a}}?",
               "Is {a} (in the recording|audible|heard)?", "Could you hear {a}?")
CONFIRM = expand("Is (it|this|that) {a}?", "Is the sound {a}?", "(It|This) is {a}, (right|isn't it|correct)?", "Is this (a recording of|the sound of) {a}?")
COUNT = expand("How many times (do|can) you hear {the} (| in the recording| here)?", "How (often|many times) is {the} heard (| here)?", "How often do you hear {the} (| in the recording)?",
               f"How many times does {{the}} (sound|come|occur) {INO}?", "(Count|Please count) how often you hear {the}.", "How many times is {the} in the recording?")
COUNT_ALL = expand("How many sounds (are there|do you hear|can you hear) (| in the recording| here| in total)?", f"How many sounds are {IN}?", "(Count|Please count) the sounds (| in the recording).",
                   "How often do you hear something?", "What is the number of sounds?")
WORDS = expand("How many words (are there|do you hear|are spoken|are said) (| in the recording| here)?", "(Count|Please count) the words (| in the recording).", "How many words does the voice say?")
FIRST = expand("What (comes|is|do you hear) {nth} (| in the recording| here)?", "Which sound (comes|is) {nth} (| in the recording)?", "What is the {nth} sound (| in the recording)?",
               "Which sound do you hear {nth}?")
AFTER = expand("What comes {rel} {the}?", "What (do|can) you hear {rel} {the}?", "Which sound (comes|is) {rel} {the}?", "What is there {rel} {the}?")
BEFORE_YN = expand("(Is|Does) {the} (come|) {rel} {that}?", "Do you hear {the} {rel} {that}?", "Is {the} heard {rel} {that}?")
ORDER = expand("(Is|Does) {the} (come|) before or after {that}?", "Which comes first, {the} or {that}?", "What do you hear first, {the} or {that}?")
WHEN = expand("When (do|can) you hear {the} (| in the recording)?", "Where in the recording is {the}?", "When (is|comes) {the} (| in the recording)?", "At what point do you hear {the}?",
              "In which part of the recording is {the}?")
APART = expand("Are the (two|) sounds (close together|far apart|close together or far apart|near each other in time)?", "Are they (close together or far apart|near or far in time|close to each other)?",
               "How far apart are the (two|) sounds?", "Is the gap between the sounds (short or long|short|long)?")
PITCH = expand("Is {the} (high or low|low or high) (| in pitch)?", "Is (the|this) (sound|tone|note) of {the} high or low?", "How high is {the}?", "What is the pitch of {the}?", "Does {the} sound high or low?",
               "Is {the} high-pitched or low-pitched?")
PITCH_YN = expand("Is {the} {p} (| in pitch)?", "Is it a {p} {n}?", "Does {the} sound {p}?", "Do you hear a {p} {n}?")
HIGHER = expand("Which {n} is {c}, the first or the second (| one)?", "Is the (first|second) {n} {c}?", "Which of the two is {c} in pitch?", "Which {n} is {c}?")
GLIDE = expand("Does {the} (go|slide|move) (up or down|up|down)?", "Is {the} (rising or falling|rising|falling)?", "Which way does {the} go?")
LOUDER = expand("Which is {c}, {the} or {that}?", "Which (sound|one) is {c}?", "What is {c}, {the} or {that}?", "Is {the} {c} than {that}?")
BACK = expand("What is in the background?", "What do you hear in the background?", "Which sound is in the background?", "Is there something in the background?")
SAY = expand("What does the (voice|person|speaker) say (| in the recording| here)?", "What (is said|is spoken|is being said|do they say) (| in the recording| here)?", "Which (word|words) (do|can) you hear (| in the recording)?",
             f"Which (word|words) (is|are) spoken {INO}?", "What word is it?", "Write down what is said.", "(Transcribe|Repeat) (it|the recording|what you hear|what is said).", "What does (he|she) say?",
             "What did the voice say?", "What is the (word|spoken word)?")
SAY_KIND = expand("(What|Which) {k} (does the voice say|do you hear|is spoken|is said|is named) (| in the recording| here)?", "What {k} is it?", "Which {k} does the speaker name?")
SAY_YN = expand("Does the (voice|person|speaker) say {w}?", "Do you hear the word {w} (| in the recording| here)?", "Is the word {w} (spoken|said) (| here)?", "Is it the word {w}?", "Did they say {w}?")
DESCRIBE = expand(f"(Describe|Please describe|Can you describe) (the|this) {REC} (| in a few words| for me| briefly).", f"What (sounds|things) are {IN}?", f"(List|Name) (the|all|all the) sounds {INO}.",
                  "What (is going on|is happening) (| here| in the recording)?", "What (all|everything) do you hear?", "Tell me what you hear (| in the recording| here).", f"Write a caption for (the|this) {REC}.",
                  "Describe what you hear.", "What sounds (do|can) you hear (| here)?", "describe the sound", "What do you hear, one after another?")
DESCRIBE_MANY = expand("What (do|can) you hear (| here| in the recording)?", f"What is {IN}?", f"What does (the|this) {REC} contain?", "What is (this|it)?")

CLAIM = {
    "sure": expand(f"(The|This) {REC} contains {{a}}.", f"This is (a recording|an audio|a clip) of {{a}}.", "In the (recording|clip|audio) (there is|you hear|we hear) {a}.", "In this recording one hears {a}."),
    "plain": expand("I (hear|can hear) {a} (| here| in the recording).", "Here (is|you hear|we have) {a}.", "There is {a} (| here).", "It is {a}.", "Listen, {a}!", "You hear {a}."),
    "doubtful": expand("(Someone|Somebody|My friend|A child|My brother) (says|thinks|said|told me) (it|this) (is|was) {a}.", "(I think|I guess|Maybe|Perhaps) (it|this) is {a}.",
                       "(It|This) (could|may|might) be {a}.", "I am not sure, but I think it is {a}.", "Could this be {a}, maybe?"),
}
CLAIM_COUNT = {
    "sure": expand(f"(The|This) {REC} contains {{the}} {{t}}.", "In the (recording|clip|audio) (you hear|we hear|one hears) {the} {t}."),
    "plain": expand("I (hear|can hear) {the} {t} (| here| in the recording).", "You hear {the} {t}.", "Listen, {the} {t}!", "Here we have {the} {t}."),
    "doubtful": expand("(Someone|Somebody|My friend|A child|My brother) (says|thinks|said) {the} is heard {t}.", "(I think|I guess|Maybe|Perhaps) {the} is heard {t}.", "It (could|may|might) be {the} {t}."),
}
CLAIM_PITCH = {
    "sure": expand(f"(The|This) {REC} contains a {{p}} {{n}}.", f"This is (a recording|an audio|a clip) of a {{p}} {{n}}.", "In the (recording|clip|audio) {the} is {p}."),
    "plain": expand("{The} is {p}.", "I (hear|can hear) a {p} {n}.", "Here is a {p} {n}.", "Listen, a {p} {n}!"),
    "doubtful": expand("(Someone|Somebody|My friend|A child|My brother) (says|thinks|said) {the} is {p}.", "(I think|I guess|Maybe|Perhaps) {the} is {p}.", "{The} (could|may|might) be {p}."),
}
CLAIM_WORD = {
    "sure": expand(f"(The|This) {REC} contains the word {{w}}.", f"This is (a recording|an audio|a clip) of the word {{w}}.", "In the (recording|clip|audio) a voice says {w}.", "In this recording the word {w} is spoken."),
    "plain": expand("I (hear|can hear) the word {w} (| here| in the recording).", "The voice says {w}.", "Here someone says {w}.", "Listen, {w}!", "You hear {w}."),
    "doubtful": expand("(Someone|Somebody|My friend|A child|My brother) (says|thinks|said) (it|the word) is {w}.", "(I think|I guess|Maybe|Perhaps) (it|the word) is {w}.", "(It|The word) (could|may|might) be {w}.",
                       "I am not sure, but I think it is {w}."),
}

CHAT = [(q, "Hello! Ask me about the recording.") for q in ("Hello!", "Hi", "Hello, how are you?", "Hey there!", "Good morning")] + [
    ("Who are you?", "I am a small demo model."), ("What are you?", "I am a small demo model."), ("What can you do?", "I can talk about simple sounds."), ("Help", "I can talk about simple sounds."),
    ("Thank you!", "You are welcome."), ("Thanks", "You are welcome.")] + [(q, "I do not know.") for q in expand(
        "What time is it?", "What is the weather (like|today)?", "What is (two plus two|one plus one|your favourite food|the meaning of life|my name)?", "Where (do you live|was this recorded|am I)?",
        "Who (made|recorded) (this|it)?", "When was (this|it) (made|recorded)?", "How old are you?", "Tell me a (joke|story).", "Write a (poem|song|story).", "Who is the president?",
        "What is the capital of (France|Spain|Italy|Korea|Germany)?", "How much does it cost?", "Translate this into (French|German|Spanish).", "Do you (like|love) (music|me|it)?", "What color is it?",
        "What does it look like?", "Solve the equation.")]
