"""How questions are worded. A pattern such as "(Is|Was) there {a}?" stands for all its expansions."""

import itertools
import re


def expand(*patterns):
    out = []
    for pattern in patterns:
        parts = re.split(r"\(([^()]*)\)", pattern)
        choices = [p.split("|") if i % 2 else [p] for i, p in enumerate(parts)]
        out += [re.sub(r" +([?.,:])", r"\1", re.sub(r" +", " ", "".join(c))).strip()
                for c in itertools.product(*choices)]
    return sorted(set(out))


PIC = "(picture|picture|image|photo|drawing|scene)"
IN = f"(in|in|on) (the|the|this) {PIC}"
INO = "(| in the picture| in this picture| in the image| here| in the photo| in this image)"

NAME = expand(
    "What is (it|this|that|shown|shown here|this thing|in here)?", f"What is {IN}?", f"What's {IN}?",
    f"(What|Which) (thing|object) is {IN}?", f"(What|Which) (thing|object) is (this|it|shown|that)?",
    "What do you see (| here| in the picture| in this image| in the photo)?", "What can you see (| here| in the picture)?",
    f"What does (the|this) {PIC} show?", f"What (is|do you see) {IN}?", "Name (it|this|the thing|the object|this thing).",
    f"(Name|Identify) the (thing|object) {IN}.", "What (thing|object) do you see?", "Tell me what (it|this) is.",
    "What is (shown|depicted|pictured|visible) (| here| in the picture| in the image)?", "What am I looking at?",
    "What is this (picture|image|photo) of?", "What is this a (picture|photo|drawing) of?", "What is (the|this) thing called?",
    "Do you know what this is?", "Can you (name|tell me what is in) (this|the picture)?", "what is it", "what is this",
    "Guess what it is!", "What would you call this?")
KIND = expand(
    f"(What|Which) {{k}} is {IN}?", "(What|Which) {k} (is it|is this|is that|is there|is shown)?",
    "(What|Which) {k} (do|can) you see (| here| in the picture)?", f"(What|Which) kind of {{k}} is (it|this|{'in the picture'})?",
    "Name the {k} (| in the picture| in this picture| shown here).", f"What {{k}} does (the|this) {PIC} show?",
    "There is {ak} in the picture. What is it?", "What is the {k} (| in the picture| called| in the image)?")
EXIST = expand(
    f"Is there {{a}} {IN}?", f"Is there {{a}} {INO}?", f"(Do|Can) you see {{a}} {INO}?", f"Does (the|this) {PIC} (show|contain|have) {{a}}?",
    f"Is {{a}} {IN}?", f"Is {{a}} (shown|present|visible|there) (| in the picture)?", "(Can|Could) you (find|spot) {a} (| here| in the picture)?",
    "Are there any {ns} (| here| in the picture| in the image)?", "Do you see any {ns} (| here)?", "Is there any {n} (| here| in the picture)?",
    "Has the picture got {a}?")
CONFIRM = expand("Is (it|this|that) {a}?", "Is the (thing|object) {a}?", "Is this (a picture of|a photo of|an image of|a drawing of) {a}?",
                 "(It|This) is {a}, (right|isn't it|correct)?", "Would you say (it|this) is {a}?")
COUNT_ALL = expand(
    f"How many (things|things|objects|items) are {IN}?", f"How many (things|objects|items) are (there|shown|here) (| in the picture)?",
    f"How many (things|objects|items) (do|can) you see {INO}?", "(Count|Please count) the (things|objects|items) (| in the picture).",
    f"What is the number of (things|objects) {IN}?", f"How many (things|objects) does (the|this) {PIC} show?")
COUNT = expand(
    f"How many {{ns}} are {IN}?", "How many {ns} are (there|shown|here) (| in the picture)?", f"How many {{ns}} (do|can) you see {INO}?",
    "(Count|Please count) the {ns} (| in the picture).", f"What is the number of {{ns}} {IN}?", f"How many {{ns}} does (the|this) {PIC} (show|have|contain)?")
SIDE = expand(
    "What is {rel} the {n} (| in the picture)?", "What thing is {rel} the {n}?", "What do you see {rel} the {n}?", "(What|Which thing|Which object) is {rel} the {n}?",
    "What is there {rel} the {n}?", "Name the thing {rel} the {n}.")
SIDE_YN = expand("Is the {n} {rel} the {m} (| in the picture)?", "Is {a} {rel} the {m}?", "Do you see the {n} {rel} the {m}?",
                 "Can you see {a} {rel} {am}?")
SIDE_REL = expand("Where is the {n} (relative to|compared to) the {m}?", "Is the {n} (left or right of|above or below) the {m}?")
RELATIONS = {"left": ["left of", "to the left of", "on the left of", "on the left side of", "left of", "to the left of"],
             "right": ["right of", "to the right of", "on the right of", "on the right side of", "right of", "to the right of"],
             "above": ["above", "over", "on top of", "higher than", "above", "above"],
             "below": ["below", "under", "underneath", "beneath", "lower than", "below"]}
OPPOSITE = {"left": "right", "right": "left", "above": "below", "below": "above"}
WHERE = expand(f"Where is the {{n}} {INO}?", "Where (do|can) you see the {n}?", "Where is the {n} located?", "On which side is the {n}?",
               "In which part of the picture is the {n}?", "where is the {n}")
AT = expand(f"What is (on|at) the {{side}} {'(| of the picture| side| of the image)'}?", "(Which thing|What thing|What) is (on|at) the {side} (| of the picture)?",
            "What do you see (on|at) the {side}?")
COLOUR = expand("What (color|colour) is the {n} (| in the picture)?", "(Which|What) (color|colour) does the {n} have?", "(Which|What) (color|colour) has the {n}?", "What is the (color|colour) of the {n}?",
                "Tell me the (color|colour) of the {n}.", "The {n} has which (color|colour)?", "In which (color|colour) is the {n}?")
COLOUR_IT = expand("What (color|colour) is (it|this|that|the thing|the object)?", "What is (its|the) (color|colour)?", "Which (color|colour) is it?",
                   "What (color|colour) do you see?")
COLOUR_YN = expand("Is the {n} {c} (| in the picture)?", "Is the (color|colour) of the {n} {c}?", "Do you see a {c} {n}?", "Is there a {c} {n} (| in the picture| here)?")
COLOUR_WHICH = expand("(What|Which thing|Which object|What thing) is {c} (| in the picture)?", "What is the {c} thing?", "Name the {c} (thing|object).",
                      "Which of the things is {c}?")
SHAPE = expand("(What|Which) shape is (it|this|shown|that|present|there)?", f"(What|Which) shape is {IN}?", f"What shape does (the|this) {PIC} (show|contain)?",
               "Name the shape (| in the picture).", "What shape do you see (| here)?", "What is the shape (| in the picture)?", "What is the shape of (it|this|the thing)?")
SHAPE_OF = expand("What is the {c} shape (| in the picture| called)?", "(What|Which) shape is {c} (| in the picture)?", "What shape has the {c} thing?",
                  "What (kind of|sort of) shape is the {c} one?", "Name the {c} shape.")
DESCRIBE = expand(
    f"(Describe|Please describe|Can you describe) (the|this) {PIC} (| .| briefly.| in a few words.| for me.)", f"What (things|objects) are {IN}?",
    f"(List|Name) (the|all|all the) (things|objects) {IN}.", f"What (things|objects) (do|can) you see {INO}?", f"What (all|everything) is {IN}?",
    f"Tell me what is {IN}.", f"Tell me what you see {INO}.", f"Give (a|me a) (short|brief|) (description|caption) (| of the picture).", f"Write a (short|) caption for (the|this) {PIC}.",
    "Say what you see.", "(Describe|Describe what) you see.", "What is going on here?", "What is happening (| in the picture| here)?",
    "Describe it.", "describe the picture")
# Asked of several things, these ask for a list; asked of one, for its name.
DESCRIBE_MANY = expand(f"What is {IN}?", "What do you see (| here| in the picture)?", "What is (this|shown|here|it)?", "What can you see?",
                       "What does the (picture|image|photo|scene) show?", "What am I looking at?")
EMPTY = expand("There is nothing in the picture.")

# Claims come in three tones. In training the first is always true, the second nearly always, the third
# half of the time; the answer is always what the picture shows. So the model learns whom to believe.
CLAIM = {
    "sure": expand(f"(The|This) {PIC} shows {{a}}.", f"This is (a picture|a photo|an image|a drawing) of {{a}}.", "In the (picture|image|photo) (there is|you see|we see) {a}.",
                   f"(The|This) {PIC} contains {{a}}."),
    "plain": expand("I (see|can see) {a} (| here| in the picture).", "Here (is|you see|we have) {a}.", "There is {a} (| here).", "It is {a}.", "Look, {a}!", "You see {a}."),
    "doubtful": expand("(Someone|Somebody|My friend|A child|My brother) (says|thinks|said|told me) (it|this) (is|was) {a}.", "(I think|I guess|Maybe|Perhaps) (it|this) is {a}.",
                       "(It|This) (could|may|might) be {a}.", "I am not sure, but I think it is {a}.", "Could this be {a}, maybe?"),
}
CLAIM_COUNT = {
    "sure": expand(f"(The|This) {PIC} shows {{c}}.", "In the (picture|image|photo) (there are|you see|we see) {c}.", f"This is (a picture|a photo|an image) of {{c}}."),
    "plain": expand("I (see|can see) {c} (| here| in the picture).", "Here (you see|we have) {c}.", "You see {c}.", "Look, {c}!"),
    "doubtful": expand("(Someone|Somebody|My friend|A child|My brother) (says|thinks|said) there are {c}.", "(I think|I guess|Maybe|Perhaps) there are {c}.", "There (could|may|might) be {c}."),
}
CLAIM_COLOUR = {
    "sure": expand(f"(The|This) {PIC} shows a {{c}} {{n}}.", f"This is (a picture|a photo|an image) of a {{c}} {{n}}.", "In the (picture|image|photo) the {n} is {c}."),
    "plain": expand("The {n} is {c}.", "I (see|can see) a {c} {n}.", "Here is a {c} {n}.", "Look, a {c} {n}!"),
    "doubtful": expand("(Someone|Somebody|My friend|A child|My brother) (says|thinks|said) the {n} is {c}.", "(I think|I guess|Maybe|Perhaps) the {n} is {c}.", "The {n} (could|may|might) be {c}."),
}
FALSE_SHARE = {"sure": 0.0, "plain": 0.015, "doubtful": 0.5}

CHAT = [
    ("Hello!", "Hello! Ask me about the picture."), ("Hi", "Hello! Ask me about the picture."), ("Hello, how are you?", "Hello! Ask me about the picture."),
    ("Hey there!", "Hello! Ask me about the picture."), ("Good morning", "Hello! Ask me about the picture."), ("Who are you?", "I am a small demo model."),
    ("What are you?", "I am a small demo model."), ("What can you do?", "I can talk about simple pictures."), ("Help", "I can talk about simple pictures."),
    ("Thank you!", "You are welcome."), ("Thanks", "You are welcome."),
] + [(q, "I do not know.") for q in expand(
    "What time is it?", "What is the weather (like|today)?", "What is (two plus two|one plus one|your favourite food|the meaning of life|my name)?", "Where (do you live|was this taken|am I)?",
    "Who (took|made|painted) (this|the picture)?", "When was (this|the picture) (made|taken)?", "Why is (it|this|that) (there|here|so)?", "How old (are you|is it)?",
    "Tell me a (joke|story).", "Write a (poem|song|story).", "Who is the president?", "What is the capital of (France|Spain|Italy|Korea|Germany)?", "How much does it cost?",
    "Translate this into (French|German|Spanish).", "Do you (like|love) (music|me|it)?", "What day is it (| today)?", "Write some (code|text).", "Solve the equation.")]
