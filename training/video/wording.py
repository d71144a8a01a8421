"""How questions about films are worded; patterns as in data/wording.py. {t} is "the circle" or "the red circle"."""

from data.wording import FALSE_SHARE, expand  # noqa: F401

FILM = "(film|film|video|clip|movie)"
INO = "(| in the film| in this film| in the video| here| in the clip)"

WAY = expand("(Which way|In which direction|Where) does {t} (move|go|travel)?", "(Which|What) way is {t} (moving|going)?", "In (what|which) direction is {t} moving?", "Does {t} move (left or right|up or down|left, right, up or down)?",
             "Which way did {t} go?", "How does {t} move?", "What is the direction of {t}?", "Tell me (which way|where) {t} moves.")
WAY_YN = expand("Does {t} {v}?", "Is it true that {t} {vs}?", "Can you see that {t} {vs}?", "{T} {vs}, right?", "Would you say {t} {vs}?", "Did {t} {v}?")
MOVES = expand("Does {t} (move|move at all|change its place)?", "Is {t} moving?", "Does {t} stay (still|where it is|in its place)?", "Did {t} move?")
WHAT_MOVES = expand(f"(What|Which thing|Which shape) (moves|is moving|moved) {INO}?", f"Does (anything|something) move {INO}?", "What is it that moves?")
HAPPENS = expand(f"What happens to {{t}} {INO}?", "What does {t} do (| in the film| here)?", "How does {t} change?", "What is {t} doing?", "Tell me what happens to {t}.", "What did {t} do?")
SIZE = expand("Does {t} (grow or shrink|shrink or grow|get bigger or smaller|become larger or smaller)?", "How does the size of {t} change?", "What happens to the size of {t}?", "Does the size of {t} change?",
              "Is {t} (growing or shrinking|getting bigger or smaller)?")
APPEAR = expand(f"(What|Which thing|Which shape) (appears|comes in|is new) {INO}?", f"Does (anything|something) appear {INO}?", "What (shows up|pops up)?", f"Is there anything new {INO}?")
VANISH = expand(f"(What|Which thing|Which shape) (disappears|vanishes|goes away) {INO}?", f"Does (anything|something) (disappear|vanish) {INO}?", "What is gone at the end?")
APPEAR_OR = expand("Does {t} (appear or disappear|disappear or appear|come or go|vanish or appear)?", "Is {t} (new or gone|gone or new) at the end?")
WHEN = expand("When does {t} {v}?", "At what (time|point) does {t} {v}?", "When in the (film|video|clip) does {t} {v}?", "In which part of the (film|video|clip) does {t} {v}?", "When did {t} {v}?")
FIRST = expand(f"What happens (first|first of all|at first) {INO}?", "What is the first thing (that happens|to happen)?", "(Which|What) event comes first?", f"What comes first {INO}?", "What happened first?")
LAST = expand(f"What happens (last|at last|in the end) {INO}?", "What is the last thing (that happens|to happen)?", "What comes last?", "What happened last?", "How does the film end?")
AFTER = expand("What happens after {t} {vs}?", "What comes after {t} {vs}?", "{T} {vs}. What happens (then|next|after that)?", "What happens next, after {t} {vs}?")
BEFORE = expand("What happens before {t} {vs}?", "What comes before {t} {vs}?", "What happened before {t} {vs}?")
ORDER = expand("Does {t} {v} before {u} {ws}?", "Does {t} {v} (first|earlier), before {u} {ws}?", "Is it true that {t} {vs} before {u} {ws}?")
WHICH_FIRST = expand("Which (changes|does something) first, {t} or {u}?", "What changes first, {t} or {u}?", "Does {t} or {u} change first?", "Which is first, {t} or {u}?")
SAME = expand("Do {t} and {u} (move|go) (the same way|in the same direction)?", "Do {t} and {u} move together?", "How do {t} and {u} move?")
COUNT = expand(f"How many (things|things|shapes|objects) are there {INO}?", f"How many (things|shapes|objects) (do|can) you see {INO}?", "(Count|Please count) the (things|shapes|objects) (| in the film).", f"What is the number of (things|shapes) {INO}?")
COUNT_AT = expand("How many (things|shapes|objects) are there at the {e}?", "How many (things|shapes|objects) (do|can) you see at the {e} (| of the film| of the video| of the clip)?", "At the {e}, how many (things|shapes|objects) are there?")
COUNT_OF = expand(f"How many {{ns}} are there {INO}?", f"How many {{ns}} (do|can) you see {INO}?", "(Count|Please count) the {ns} (| in the film).")
COUNT_MOVING = expand(f"How many (things|shapes|objects) (move|are moving) {INO}?", "How many of them move?", "(Count|Please count) the things that move.")
COLOUR = expand("What (color|colour) is {t} (| in the film)?", "(Which|What) (color|colour) does {t} have?", "What is the (color|colour) of {t}?", "Tell me the (color|colour) of {t}.", "In which (color|colour) is {t}?")
COLOUR_AT = expand("What (color|colour) is {t} at the {e} (| of the film| of the video)?", "(Which|What) (color|colour) does {t} have at the {e}?", "At the {e}, what (color|colour) is {t}?")
COLOUR_NEW = expand("Does {t} change its (color|colour)?", "Does the (color|colour) of {t} change?", "What (color|colour) does {t} (turn|become)?", "How does the (color|colour) of {t} change?")
COLOUR_KEPT = expand("Does {t} change its (color|colour)?", "Does the (color|colour) of {t} change?")
COLOUR_YN = expand("Is {t} {c} (| in the film)?", "Is the (color|colour) of {t} {c}?", "Would you say {t} is {c}?")
COLOUR_WHICH = expand("(What|Which thing|Which shape) is {c} (| in the film)?", "What is the {c} thing?", "(What|Which) shape is the {c} (thing|one)?", "Name the {c} thing.")
SHAPE = expand(f"(What|Which) shape (is it|do you see|is there|is this|is shown) {INO}?", f"What (is it|do you see|is shown) {INO}?", "Name the (shape|thing).", f"What is in the {FILM}?", "What shape is the thing?")
EXIST = expand(f"Is there {{a}} {INO}?", f"(Do|Can) you see {{a}} {INO}?", f"Does (the|this) {FILM} (show|contain|have) {{a}}?", f"Is there any {{n}} {INO}?", "Can you find {a}?")
WHERE = expand("Where is {t} at the {e} (| of the film| of the video| of the clip)?", "At the {e}, where is {t}?", "In which part of the (frame|picture|screen) is {t} at the {e}?", "Where do you see {t} at the {e}?")
WHERE_STILL = expand(f"Where is {{t}} {INO}?", "In which part of the (frame|picture|screen) is {t}?", "Where do you see {t}?", "Where (does|do you find) {t} (stay|lie)?")
DESCRIBE = expand(f"(Describe|Please describe|Can you describe) (the|this) {FILM} (| briefly| for me| in a few words).", f"What (happens|is happening|is going on) in (the|this) {FILM}?", f"What does (the|this) {FILM} show?",
                  f"Tell me what happens {INO}.", f"(Summarize|Sum up) the {FILM}.", f"What (happens|is happening|is going on) (| here)?", f"Write a caption for (the|this) {FILM}.", "Tell me what you see.", "describe the film",
                  "What do you see, from start to end?")

CLAIM = {  # {f}: a fact such as "the circle moves left"
    "sure": expand(f"(The|This) {FILM} shows that {{f}}.", f"In (the|this) {FILM}, {{f}}.", f"(The|This) {FILM} (proves|makes clear) that {{f}}.", "In the (film|video|clip) one sees that {f}."),
    "plain": expand("{F}.", "I (see|can see) that {f}.", "You see that {f}.", "Look, {f}!", "Here {f}."),
    "doubtful": expand("(Someone|Somebody|My friend|A child|My brother) (says|thinks|said|told me) that {f}.", "(I think|I guess|Maybe|Perhaps) {f}.", "It (could|may|might) be that {f}.", "I am not sure, but I think {f}."),
}

CHAT = [(q, "Hello! Ask me about the film.") for q in ("Hello!", "Hi", "Hello, how are you?", "Hey there!", "Good morning")] + [
    ("Who are you?", "I am a small demo model."), ("What are you?", "I am a small demo model."), ("What can you do?", "I can talk about simple films."), ("Help", "I can talk about simple films."),
    ("Thank you!", "You are welcome."), ("Thanks", "You are welcome.")] + [(q, "I do not know.") for q in expand(
        "What time is it?", "What is the weather (like|today)?", "What is (two plus two|one plus one|your favourite food|the meaning of life|my name)?", "Where (do you live|was this filmed|am I)?",
        "Who (made|filmed|directed) (this|it)?", "When was (this|it) (made|filmed)?", "How old are you?", "Tell me a (joke|story).", "Write a (poem|song|story).", "Who is the president?",
        "What is the capital of (France|Spain|Italy|Korea|Germany)?", "How much does it cost?", "Translate this into (French|German|Spanish).", "Do you (like|love) (films|me|it)?", "What do you hear?",
        "Who is in the film?", "Solve the equation.")]
