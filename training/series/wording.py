"""How questions about series are worded; patterns as in data/wording.py. {s} is "the series", "series 1" or "series 2"."""

from data.wording import FALSE_SHARE, expand  # noqa: F401

TREND = expand("What is the (trend|overall trend|direction) (| of {s})?", "How does {s} (change|develop|move) (| over time)?", "Does {s} rise or fall?", "What does {s} do (| over time)?",
               "Does {s} go up or down?", "In which direction does {s} go?", "Describe the trend (| of {s}).", "Is {s} (rising or falling|going up or down)?", "How does {s} evolve?")
TREND_YN = expand("Does {s} {v}?", "Would you say {s} {vs}?", "Is it true that {s} {vs}?", "Can you see that {s} {vs}?")
CYCLES = expand("How many (cycles|cycles|periods|waves|repetitions) (are there|do you see|can you see|does it have) (| in {s})?", "How many (cycles|periods|waves) does {s} (have|show|contain)?",
                "(Count|Please count) the (cycles|periods|waves) (| in {s}).", "How often does the pattern repeat (| in {s})?")
CYCLE_YN = expand("Is there a (cycle|period|season|wave|seasonal pattern|repeating pattern) (| in {s})?", "Is {s} (periodic|seasonal|cyclic)?", "Does {s} (repeat|have a cycle|show a cycle|have a season|oscillate)?",
                  "Do you see a (cycle|period|seasonal pattern) (| in {s})?")
WAVE = expand("What (shape|form) (is|has) the (cycle|wave) (| in {s})?", "What kind of (wave|cycle) (is it|is there|do you see) (| in {s})?", "Which wave is (it|in {s})?", "Is it a sine, a square or a sawtooth?",
              "What does the (cycle|wave) look like (| in {s})?")
SPIKES = expand("How many (spikes|spikes|outliers|peaks|anomalies) (are there|do you see|can you see) (| in {s})?", "How many (spikes|outliers) does {s} (have|show|contain)?", "(Count|Please count) the (spikes|outliers) (| in {s}).",
                "What is the number of spikes (| in {s})?")
SPIKE_YN = expand("Is there (a spike|an outlier|any spike|any outlier) (| in {s})?", "Are there any (spikes|outliers|anomalies) (| in {s})?", "Does {s} (have|show|contain) a spike?", "Do you see (a spike|spikes) (| in {s})?")
SPIKE_WHERE = expand("Where is the (spike|outlier) (| in {s})?", "When is the spike (| in {s})?", "When does the spike (occur|happen|come)?", "In which part of {s} is the spike?", "At what point is the (spike|outlier)?")
SPIKE_WAY = expand("Does the spike (point|go) up or down?", "In which direction does the spike (point|go)?", "Is the spike (upward or downward|positive or negative)?", "Which way does the spike (point|go)?")
SHIFT_YN = expand("Is there a (level shift|shift|jump|step|sudden change) (| in {s})?", "Does the level (shift|jump|change suddenly) (| in {s})?", "Does {s} (have|show|contain) a (level shift|jump|step)?",
                  "Do you see a (level shift|jump|step) (| in {s})?")
SHIFT_WAY = expand("Does the level (jump|shift|step) up or down?", "In which direction does the level (jump|shift)?", "Which way does the level (jump|shift)?", "How does the level change?")
SHIFT_WHERE = expand("Where is the (level shift|jump|step) (| in {s})?", "Where does the level (jump|shift)?", "When does the level (jump|shift|change)?", "In which part of {s} is the (jump|shift)?")
NOISE = expand("Is {s} (noisy or smooth|smooth or noisy|noisy|smooth)?", "How noisy is {s}?", "Is there (much|a lot of) noise (| in {s})?", "Does {s} look noisy?")
MEAN = expand("Is the (mean|average) (| of {s}) (positive or negative|above or below zero|positive|negative|above zero|below zero)?", "What is the sign of the (mean|average) (| of {s})?")
DESCRIBE = expand("(Describe|Please describe|Can you describe) {s} (| briefly| in a few words| for me).", "What is (in it|in {s})?", "What do you see (| in {s})?", "What does {s} look like?", "Tell me (about {s}|what you see).",
                  "(Summarize|Analyze|Analyse) {s}.", "What can you say about {s}?", "What is special about {s}?", "Give a short description (| of {s}).", "describe the series")
WHICH = expand("Which series {vs}?", "Which of the two (| series) {vs}?", "(What|Which) series {vs} (| over time)?")
SAME = expand("Do (they|both series|the two series|the series) (move|go|change) in the same direction?", "Do (they|both series|the two series) have the same trend?", "Is the trend (| of both series) the same?",
              "How do the two series compare?", "Compare the two series.", "Are the trends (alike|the same|similar)?")
MORE = expand("Which (series|one) has more spikes?", "Which of the two (| series) has more (spikes|outliers)?", "In which series are there more spikes?")

CLAIM = {  # {f}: a fact that begins with {s}: "the series rises", "the series has two spikes"
    "sure": expand("(The|This) (chart|data|plot|record) shows that {f}.", "In this (data|record|chart), {f}.", "By (the|this) (data|record), {f}.", "(The|This) (chart|data|record) says that {f}."),
    "plain": expand("{F}.", "I (see|can see) that {f}.", "You see that {f}.", "Look, {f}!", "Here {f}."),
    "doubtful": expand("(Someone|Somebody|My friend|A child|My brother) (says|thinks|said|told me) that {f}.", "(I think|I guess|Maybe|Perhaps) {f}.", "It (could|may|might) be that {f}.", "I am not sure, but I think {f}."),
}

CHAT = [(q, "Hello! Ask me about the series.") for q in ("Hello!", "Hi", "Hello, how are you?", "Hey there!", "Good morning")] + [
    ("Who are you?", "I am a small demo model."), ("What are you?", "I am a small demo model."), ("What can you do?", "I can talk about simple series."), ("Help", "I can talk about simple series."),
    ("Thank you!", "You are welcome."), ("Thanks", "You are welcome.")] + [(q, "I do not know.") for q in expand(
        "What time is it?", "What is the weather (like|today)?", "What is (two plus two|one plus one|your favourite food|the meaning of life|my name)?", "Where (do you live|was this measured|am I)?",
        "Who (made|measured) (this|it)?", "What was measured?", "How old are you?", "Tell me a (joke|story).", "Who is the president?", "What is the capital of (France|Spain|Italy|Korea|Germany)?",
        "How much does it cost?", "Translate this into (French|German|Spanish).", "What color is it?", "What comes next?", "What will happen tomorrow?")]
