"""All rules, in the order of tools/check --list."""

import built
import changed
import configs
import includes
import names
import sizes
import words

ALL = [
    *includes.RULES,
    *words.RULES,
    *names.RULES,
    *sizes.RULES,
    *configs.RULES,
    *built.RULES,
    *changed.RULES,
]

comment_report = sizes.comment_report
