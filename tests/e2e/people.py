"""Who takes part in the tour: made-up numbers, and phones of the accounts."""

from typing import Final

BOLDI: Final = "+36301112233"
CSILLA: Final = "+36202223344"
DORA: Final = "+36703334455"
# Nobody of these is a contact.
STRANGER: Final = "+36304445566"
GERMAN: Final = "+4915155566677"

HALL: Final = "sid-hall-4711"
DESK: Final = "sid-desk-0815"
SPARE: Final = "sid-spare-2468"
BELAS: Final = "sid-bela-1357"
CILIS: Final = "sid-cili-9753"

# How a log could have one: without country code and signs.
NUMBERS: Final = [
    number.removeprefix("+").removeprefix("36").removeprefix("49")
    for number in (BOLDI, CSILLA, DORA, STRANGER, GERMAN)
]
