# Home Assistant puts probatio in voluptuous's place; type checks have to know.
from probatio import *
