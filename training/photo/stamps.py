"""Photographs for the evaluation only, each of one thing cut out: the stamps of Tux Paint (Debian's tuxpaint-stamps-default, GPL-2).

Nothing of them is trained on or shipped. The names are paths in the package's folder of stamps.
"""

_TABLE = """
chicken: animals/birds/hen animals/birds/rooster animals/birds/chicken_profile
ostrich: animals/birds/ostrich
owl: animals/birds/owl
peacock: animals/birds/peacock
pelican: animals/birds/pelican
penguin: animals/birds/penguin animals/birds/little-penguin animals/birds/magellanic_penguin
flamingo: animals/birds/pink_flamingo
heron: animals/birds/heron_greatblue animals/birds/heron_greatblue_flying
duck: animals/birds/duck animals/birds/drake
goose: animals/birds/gander
parrot: animals/birds/adelaide-rosella animals/birds/rainbow-lorikeet
bird: animals/birds/blackbird animals/birds/crow animals/birds/lark animals/birds/magpie animals/birds/pigeon animals/birds/seagull animals/birds/silver-gull
frog: animals/amphibians/frog animals/amphibians/frog-1
fish: animals/fish/bluegroper animals/fish/butterflyfish animals/fish/clownfish animals/fish/coraltrout animals/fish/lionfish animals/fish/moonwrasse animals/fish/stripedfish
lobster: animals/fish/lobster
grasshopper: animals/insects/grasshopper
lizard: animals/lizards/iguana
chimpanzee: animals/mammals/apes/chimp
gorilla: animals/mammals/apes/gorilla
monkey: animals/mammals/apes/tamarin_emperor
whale: animals/mammals/aquatic/whale animals/mammals/aquatic/orca
sea lion: animals/mammals/aquatic/sea_lion
bear: animals/mammals/bears/bear animals/mammals/bears/european-bear
teddy bear: animals/mammals/bears/toys/edward_bear
cow: animals/mammals/bovines/cow animals/mammals/bovines/cow_white animals/mammals/bovines/bull animals/mammals/bovines/zebu
goat: animals/mammals/bovines/goat animals/mammals/bovines/mountaingoat
sheep: animals/mammals/bovines/sheep animals/mammals/bovines/ram animals/mammals/bovines/sheep_lamb
antelope: animals/mammals/bovines/indian_blackbuck
camel: animals/mammals/camel/camel animals/mammals/camel/dromedary
lion: animals/mammals/cats/lion animals/mammals/cats/lion-2
tiger: animals/mammals/cats/tiger animals/mammals/cats/tiger_sumatran
dog: animals/mammals/dogs/dog
fox: animals/mammals/dogs/fox
elephant: animals/mammals/elephant
horse: animals/mammals/equines/horse
zebra: animals/mammals/equines/zebra
hippopotamus: animals/mammals/hippopotamus
pig: animals/mammals/pig animals/mammals/pig_golden animals/mammals/pig_golden2
rabbit: animals/mammals/rabbit_little animals/mammals/rodents/rabbit animals/mammals/rodents/rabbit-2
squirrel: animals/mammals/rodents/squirrel
kangaroo: animals/marsupials/kangaroo
koala: animals/marsupials/koala
apple: food/fruit/apple_fuji food/fruit/apple_granny_smith food/fruit/apple_green food/fruit/apple_red food/fruit/apple_sierra_beauty
banana: food/fruit/banana
lemon: food/fruit/lemon
orange: food/fruit/orange food/fruit/orange_seville food/fruit/mandarine
pineapple: food/fruit/pineapple
pomegranate: food/fruit/pomegranate
strawberry: food/fruit/strawberry food/fruit/Strawberry2
broccoli: food/vegetables/broccoli
corn: food/vegetables/corn
mushroom: food/vegetables/mushroom plants/mushrooms/cep plants/mushrooms/cep-1 plants/mushrooms/cep-2
pepper: food/vegetables/pepper food/vegetables/yellowpepper
pumpkin: food/vegetables/pumpkin_small
cup: household/dishes/mug
glass: household/dishes/glass
teapot: household/dishes/teapot
hammer: household/tools/hammer
shovel: household/tools/spade
toilet: household/toilet
car: vehicles/auto/beetle vehicles/auto/sedan vehicles/auto/sportscar2
race car: vehicles/race/indycar
truck: vehicles/auto/truck vehicles/garbagetruck
fire truck: vehicles/emergency/firetruck
airplane: vehicles/flight/planes/747
balloon: vehicles/flight/balloon360
bus: vehicles/masstransit/green_korean_bus
sailboat: vehicles/ship/chineseJunk
trumpet: hobbies/music/brass/trumpet
drum: hobbies/music/percussion/drum_tomtom_floor hobbies/music/percussion/drumkit
guitar: hobbies/music/string/guitar2 hobbies/music/string/guitar_classical hobbies/music/string/guitar_electric hobbies/music/string/guitar_electric_bass
violin: hobbies/music/string/violin
camera: hobbies/camera_35mm
pair of binoculars: hobbies/binoculars
basketball: sports/basketball
soccer ball: sports/soccer
tennis ball: sports/tennis_ball
racket: sports/tennis_racket
mailbox: town/uk_post_box town/usps_mailbox
flower: plants/flowers/daffodil plants/flowers/flower1 plants/flowers/flower2 plants/flowers/flower3 plants/flowers/flower4 plants/flowers/flower5 plants/flowers/flower6 plants/flowers/iris plants/flowers/marigold plants/flowers/red-gazania plants/flowers/rose plants/flowers/anemone_red
"""


def stamps():
    """[(name, path without its ending)]"""
    return [(line.split(":")[0], path) for line in _TABLE.strip().splitlines() for path in line.split(":")[1].split()]
