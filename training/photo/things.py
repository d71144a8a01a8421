"""The everyday things the photograph model can name, each with its classes among ImageNet's 1000."""

_TABLE = {
    "animal": """
fish: 0 1 389 391 392 393 394 395 396 397
shark: 2 3 4
chicken: 7 8
ostrich: 9
bird: 10-20 94
eagle: 21 22
owl: 24
frog: 30-32
turtle: 33-37
lizard: 38-48
crocodile: 49 50
snake: 52-68
spider: 72-77
peacock: 84
parrot: 87-90
duck: 97 98
goose: 99
swan: 100
flamingo: 130
heron: 131 132 134
pelican: 144
penguin: 145
elephant: 101 385 386
kangaroo: 104
koala: 105
jellyfish: 107
snail: 113
crab: 118-121
lobster: 122-124
whale: 147 148
sea lion: 150
dog: 151-268
wolf: 269-272
fox: 277-280
cat: 281-285
leopard: 288-290
cheetah: 293
lion: 291
tiger: 292
bear: 294-297
panda: 388
rabbit: 330-332
hamster: 333 338
squirrel: 335
hedgehog: 334
horse: 339
zebra: 340
pig: 341
hippopotamus: 344
cow: 345
sheep: 348 349
goat: 350
antelope: 351-353
camel: 354
gorilla: 366
monkey: 370-382
chimpanzee: 367
bee: 309
ant: 310
fly: 308
beetle: 300 302-307
ladybug: 301
grasshopper: 311 312
dragonfly: 319 320
butterfly: 321-326
starfish: 327
""",
    "fruit": """
apple: 948
strawberry: 949
orange: 950
lemon: 951
pineapple: 953
banana: 954
pomegranate: 957
""",
    "vegetable": """
cabbage: 936
broccoli: 937
cauliflower: 938
cucumber: 939 943
pumpkin: 607 940-942
pepper: 945
corn: 987 998
mushroom: 947 992 997
""",
    "food": """
ice cream: 928
bread: 930
pretzel: 932
hamburger: 933
hot dog: 934
pizza: 963
""",
    "vehicle": """
airplane: 404 895
ambulance: 407
balloon: 417
bicycle: 444 671
boat: 472 554 576 625 814
sailboat: 484 724 780 871 914
ship: 403 510 628
bus: 654 779 874
car: 436 511 609 627 656 661 817
race car: 751
taxi: 468
truck: 569 675 717 864 867
fire truck: 555
train: 466 547 565 705 820
tram: 829
motorcycle: 665 670
tractor: 866
tank: 847
rocket: 657 744 812
""",
    "instrument": """
accordion: 401
guitar: 402 420 546
violin: 889
drum: 541
trumpet: 513
flute: 558
harp: 594
piano: 579 881
saxophone: 776
""",
    "furniture": """
chair: 559 765
table: 532
desk: 526
couch: 831
bed: 520 564
bookcase: 453
lamp: 619 846
bench: 703
""",
    "piece of clothing": """
hat: 515 808
shoe: 502 630 770
boot: 514
sandal: 774
shirt: 610
sock: 806
tie: 457 906
""",
    "": """
pair of sunglasses: 836 837
backpack: 414
bag: 636 748
umbrella: 879
helmet: 518 560
clock: 409 530 892
watch: 531
bottle: 440 737 898 907
cup: 504 967 968
teapot: 505 849
glass: 441 572
spoon: 618 910
pan: 567 909
candle: 470
basket: 588 790
bucket: 463
broom: 462
vase: 883
toilet: 861
bathtub: 435
sink: 896
refrigerator: 760
stove: 827
washing machine: 897
toaster: 859
fan: 545
teddy bear: 850
pen: 418 563
computer: 527 664
laptop: 620 681
keyboard: 508
phone: 487 528
television: 782 851
camera: 732 759
radio: 754
microphone: 650
hammer: 587
screwdriver: 784
shovel: 792
axe: 596
pair of binoculars: 447
basketball: 430
soccer ball: 805
tennis ball: 852
golf ball: 574
racket: 752
dumbbell: 422 543
castle: 483
church: 497 668
palace: 698
lighthouse: 437
bridge: 821 839 888
tent: 672
fence: 489 716 912
fountain: 562
mountain: 970
volcano: 980
beach: 977 978
lake: 975
flower: 985 986
traffic light: 920
sign: 919
mailbox: 637
""",
}
MASS = {"bread", "broccoli", "corn"}


def things():
    """[(name, kind, ImageNet classes)]"""
    out = []
    for kind, table in _TABLE.items():
        for line in table.strip().splitlines():
            name, numbers = line.split(":")
            classes = []
            for part in numbers.split():
                first, _, last = part.partition("-")
                classes += range(int(first), int(last or first) + 1)
            out.append((name, kind, classes))
    return out


def a(name):
    if name in MASS:
        return name
    return ("an " if name[0] in "aeiou" else "a ") + name


def plural(name):
    if name in MASS or name in ("fish", "sheep"):
        return name
    if name.startswith("pair of "):
        return name.replace("pair", "pairs", 1)
    if name.endswith(("s", "sh", "ch", "x")):
        return name + "es"
    if name.endswith("y") and name[-2] not in "aeiou":
        return name[:-1] + "ies"
    return {"goose": "geese", "wolf": "wolves", "tomato": "tomatoes", "mouse": "mice"}.get(name, name + "s")


if __name__ == "__main__":
    print(len(things()), sum(len(c) for _, _, c in things()))
