"""The made-up numbers and phones of the tour."""

from typing import Final

# Contacts.
ANNA: Final = "+36301112233"
CSILLA: Final = "+36202223344"
# No contacts.
DORA: Final = "+36703334455"
STRANGER: Final = "+36304445566"
GERMAN: Final = "+4915155566677"
# Those of a message to many.
CROWD: Final = [f"+3630900{index:04}" for index in range(12)]

HALL: Final = "sid-hall-4711"
DESK: Final = "sid-desk-0815"
SPARE: Final = "sid-spare-2468"
SECOND: Final = "sid-second-1357"
OTHER: Final = "sid-other-9753"

# As a log could have them: without country code and signs.
NUMBERS: Final = [
    number.removeprefix("+").removeprefix("36").removeprefix("49")
    for number in (ANNA, CSILLA, DORA, STRANGER, GERMAN, *CROWD)
]
