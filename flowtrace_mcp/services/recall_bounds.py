"""How much a recall answers: rows, and tokens in all."""

from typing import Final

LIMIT_DEFAULT: Final = 10
LIMIT_MOST: Final = 100
BUDGET_DEFAULT_TOKENS: Final = 800
BUDGET_MOST_TOKENS: Final = 4000
BUDGET_LEAST_TOKENS: Final = 50
