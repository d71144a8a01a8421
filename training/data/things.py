"""The things the demo model can name, and which drawings show each of them.

One line per thing: `name: drawing drawing …`, grouped by kind. A drawing is an icon name without
hyphens; a set may hold any number of them. `NAME-face` and numbered variants are found by
`drawings()`, so that "dog" also finds "dog-face", "dog-1" and so on.
"""

import re

TRAIN_STYLES = ["noto", "noto-v1", "twemoji", "emojione", "fxemoji", "streamline-emojis"]
HELD_OUT_STYLE = "fluent-emoji-flat"
STYLES = TRAIN_STYLES + [HELD_OUT_STYLE]

_TABLE = {
    "animal": """
dog: dog guide-dog service-dog dogside
cat: cat black-cat grinning-cat catside
mouse: mouse mouseside
hamster: hamster hampster
rabbit: rabbit bunny bunnyside
fox: fox
bear: bear
panda: panda
koala: koala
tiger: tiger tigerside
lion: lion
leopard: leopard leopardside
cow: cow
pig: pig pigside
frog: frog
monkey: monkey
gorilla: gorilla
chicken: chicken rooster
chick: baby-chick front-facing-baby-chick
turkey: turkey
penguin: penguin
bird: bird
duck: duck
eagle: eagle
owl: owl
swan: swan
flamingo: flamingo
parrot: parrot
peacock: peacock
bat: bat
wolf: wolf
horse: horse
unicorn: unicorn
zebra: zebra
giraffe: giraffe
bee: honeybee
butterfly: butterfly
snail: snail
ladybug: lady-beetle ladybeetle
ant: ant
spider: spider
scorpion: scorpion
turtle: turtle
snake: snake
lizard: lizard
octopus: octopus
squid: squid
shrimp: shrimp
crab: crab
lobster: lobster
fish: fish tropical-fish
blowfish: blowfish
dolphin: dolphin
shark: shark
whale: whale spouting-whale spurtingwhale
crocodile: crocodile
elephant: elephant
rhino: rhinoceros
kangaroo: kangaroo
camel: camel two-hump-camel bactriancamel dromedarycamel
deer: deer
goat: goat
sheep: ewe ram
hedgehog: hedgehog
dragon: dragon dragonhead dragonside
dinosaur: t-rex sauropod
""",
    "fruit": """
apple: red-apple green-apple
banana: banana
tangerine: tangerine
lemon: lemon
watermelon: watermelon
melon: melon
strawberry: strawberry
peach: peach
pear: pear
pineapple: pineapple
kiwi: kiwi-fruit
""",
    "vegetable": """
tomato: tomato
avocado: avocado
eggplant: eggplant aubergine
potato: potato roasted-sweet-potato
carrot: carrot
corn: ear-of-corn earofmaize
pepper: hot-pepper chilipepper
cucumber: cucumber
broccoli: broccoli
onion: onion
mushroom: mushroom brown-mushroom
pumpkin: jack-o-lantern
""",
    "food": """
bread: bread
croissant: croissant
pretzel: pretzel
cheese: cheese-wedge
egg: egg cooking
hamburger: hamburger
pizza: pizza sliceofpizza
hotdog: hot-dog
taco: taco
sandwich: sandwich
sushi: sushi
popcorn: popcorn
cake: birthday-cake shortcake
cupcake: cupcake
pie: pie
donut: doughnut
cookie: cookie
lollipop: lollipop
candy: candy
""",
    "plant": """
rose: rose
tulip: tulip
sunflower: sunflower
tree: deciduous-tree evergreen-tree evergreen
palm: palm-tree
cactus: cactus
clover: four-leaf-clover shamrock
leaf: fallen-leaf maple-leaf
""",
    "vehicle": """
car: automobile oncoming-automobile sport-utility-vehicle recreationalvehicle
taxi: taxi oncoming-taxi
bus: bus oncoming-bus
truck: delivery-truck articulated-lorry
tractor: tractor
ambulance: ambulance
bicycle: bicycle
motorcycle: motorcycle
scooter: kick-scooter motor-scooter
train: locomotive train high-speed-train bullet-train steamlocomotive
airplane: airplane
helicopter: helicopter
rocket: rocket
boat: sailboat speedboat
ship: ship passenger-ship
""",
    "instrument": """
guitar: guitar
violin: violin
trumpet: trumpet
saxophone: saxophone
drum: drum
""",
    "clothing": """
hat: top-hat womans-hat
shoe: running-shoe mans-shoe mensshoe
boot: womans-boot hiking-boot boot
dress: dress
shirt: t-shirt mansshirt
tie: necktie tie
ring: ring
crown: crown
glove: gloves
scarf: scarf
""",
    "building": """
house: house house-with-garden
castle: castle europeancastle
church: church
tent: tent camping
factory: factory
""",
    "object": """
anchor: anchor
umbrella: umbrella closed-umbrella umbrella-with-rain-drops
balloon: balloon
gift: wrapped-gift present
trophy: trophy
backpack: backpack school-backpack schoolsatchel
handbag: handbag
watch: watch
clock: alarm-clock mantelpiece-clock manltepiececlock
key: key old-key
lock: locked lock
hammer: hammer
axe: axe
wrench: wrench
knife: kitchen-knife dagger daggerknife
spoon: spoon
cup: hot-beverage teacup-without-handle
teapot: teapot
pencil: pencil lower-left-pencil
book: closed-book blue-book green-book orange-book open-book
envelope: envelope
phone: mobile-phone cellphone
laptop: laptop
keyboard: keyboard wiredkeyboard
printer: printer
camera: camera
television: television
radio: radio
bell: bell ringingbell
candle: candle
lightbulb: light-bulb
flashlight: flashlight electrictorch
battery: battery
magnet: magnet
bomb: bomb
door: door
bed: bed
chair: chair seat
toilet: toilet
bathtub: bathtub
toothbrush: toothbrush
basketball: basketball
football: soccer-ball
baseball: baseball
volleyball: volleyball
kite: kite
robot: robot
ghost: ghost
skull: skull
snowman: snowman-without-snow snowman
""",
    "nature": """
moon: crescent-moon full-moon
sun: sun sun-with-face sunrays
cloud: cloud
rainbow: rainbow
snowflake: snowflake
fire: fire
volcano: volcano
""",
}

# Kinds a question may ask for ("Which animal is in the picture?"). A fruit is a food too.
KIND_WORDS = {
    "animal": ["animal"],
    "fruit": ["fruit", "food"],
    "vegetable": ["vegetable", "food"],
    "food": ["food"],
    "plant": ["plant"],
    "vehicle": ["vehicle"],
    "instrument": ["instrument"],
    "clothing": [],
    "building": ["building"],
    "object": [],
    "nature": [],
}

IRREGULAR = {
    "mouse": "mice", "wolf": "wolves", "fox": "foxes", "butterfly": "butterflies", "sheep": "sheep",
    "fish": "fish", "blowfish": "blowfish", "deer": "deer", "strawberry": "strawberries",
    "peach": "peaches", "tomato": "tomatoes", "potato": "potatoes", "sandwich": "sandwiches",
    "candy": "candies", "cactus": "cactuses", "bus": "buses", "dress": "dresses",
    "church": "churches", "factory": "factories", "watch": "watches", "wrench": "wrenches",
    "knife": "knives", "torch": "torches", "battery": "batteries", "toothbrush": "toothbrushes",
    "bread": "breads", "shrimp": "shrimps", "box": "boxes", "brush": "brushes", "bunny": "bunnies",
    "leaf": "leaves", "orange": "oranges", "octopus": "octopuses", "ladybug": "ladybugs", "rhino": "rhinos",
}

# Other words people use; the answer repeats the word of the question.
ALIASES = {
    "car": ["automobile"], "airplane": ["plane"], "bicycle": ["bike"], "motorcycle": ["motorbike"],
    "television": ["tv"], "donut": ["doughnut"], "phone": ["smartphone"],
    "chicken": ["hen"], "rhino": ["rhinoceros"], "hamburger": ["burger"], "rabbit": ["bunny"],
    "gift": ["present"], "lock": ["padlock"], "handbag": ["bag"], "tie": ["necktie"], "boat": ["sailboat"],
    "train": ["locomotive"], "shirt": ["t-shirt"], "laptop": ["computer"], "tangerine": ["orange"],
    "church": ["chapel"], "cup": ["mug"], "leaf": ["maple leaf"], "palm": ["palm tree"],
    "moon": ["crescent"], "ladybug": ["ladybird"], "bee": ["honeybee"], "crocodile": ["alligator"],
}

# Things the model never sees: asked for, so that an unknown word gets a plain no.
STRANGERS = """sofa table fork bottle glass bowl plate lamp mirror window desk pillow blanket rug couch
oven fridge stove sink vase clown king queen pirate wizard baby boy girl man woman person people child
doctor farmer teacher river lake sea beach mountain island desert forest road bridge tower wall fence
garden flag coin wallet card map stamp poster newspaper letter brush comb soap towel bucket broom mop
ladder shovel saw drill nail screw rope chain net basket box bag sack jar can barrel crate piano harp flute
banjo cello tuba helmet jacket coat sock jeans skirt belt mask wig earring necklace bracelet cherry grape
plum mango coconut lime garlic cabbage lettuce pea bean rice soup salad steak bacon sausage butter honey
jam milk juice tea wine water salt sugar ice worm moth cricket beetle wasp clam oyster seal otter walrus
moose bison llama donkey mule ox hippo cheetah jaguar badger beaver skunk squirrel rat mole pigeon crow
raven goose ostrich pelican seagull tank submarine van tram subway canoe raft yacht skateboard sled
wheel tire engine pump pipe wire plug switch fan heater computer mouse-pad screen speaker microphone
headphones telescope microscope compass globe star-fish planet comet storm tornado lightning rain
snow fog smoke castle-gate statue fountain well mill barn farm school hospital bank shop hotel""".split()
STRANGERS = [w for w in STRANGERS if "-" not in w]

# Drawings whose meaning depends on left and right, or that look wrong when mirrored: none is a word.
NO_FLIP = {"clock", "watch", "keyboard", "television"}


# Drawings that the renderer cannot draw (a filter on an empty shape), or that show something else.
SKIP = {("noto-v1", "lady-beetle"), ("noto-v1", "ambulance"), ("noto-v1", "bullet-train"),
        ("noto-v1", "hot-beverage"), ("streamline-emojis", "turkey"), ("fxemoji", "keyboard")}


def _norm(icon):
    return icon.replace("-", "").lower()


def things():
    """[(name, kind, {normalised drawing names})], in a fixed order."""
    out = []
    for kind, table in _TABLE.items():
        for line in table.strip().splitlines():
            name, icons = line.split(":")
            out.append((name.strip(), kind, {_norm(i) for i in icons.split()}))
    assert len({n for n, _, _ in out}) == len(out)
    return out


def matches(icon, wanted):
    """Whether an icon's name is one of the wanted drawings, faces and numbered variants included."""
    icon = re.sub(r"-\d$", "", icon)
    return _norm(icon) in wanted or (icon.endswith("-face") and _norm(icon[:-5]) in wanted)


def plural(name):
    return IRREGULAR.get(name, name + "s")


def article(word):
    return "an" if word[0] in "aeio" or word in ("umbrella",) else "a"
