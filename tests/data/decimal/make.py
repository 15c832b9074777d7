#!/usr/bin/env python3
"""Writes decimal.tsv: random DECIMAL arithmetic as Java's BigDecimal does it for Flink, by Python's decimal module.

operation, first, its scale, second, its scale, precision and scale of the result, expected: unscaled values, or overflow,
zero, division. Division rounds to 38 digits first, then to the scale of the result; all HALF_UP."""

import decimal
import random
import sys

decimal.getcontext().prec = 400
QUOTIENT = decimal.Context(prec=38, rounding=decimal.ROUND_HALF_UP)


def fit(value, precision, scale):
    rounded = value.quantize(decimal.Decimal(1).scaleb(-scale), rounding=decimal.ROUND_HALF_UP)
    unscaled = int(rounded.scaleb(scale))
    return str(unscaled) if abs(unscaled) < 10 ** precision else "overflow"


def result(operation, a, b, precision, scale):
    if operation in "/%" and b == 0:
        return "zero"
    if operation == "+":
        return fit(a + b, precision, scale)
    if operation == "-":
        return fit(a - b, precision, scale)
    if operation == "*":
        return fit(a * b, precision, scale)
    if operation == "/":
        return fit(QUOTIENT.divide(a, b), precision, scale)
    whole = (abs(a) // abs(b)).to_integral_value()
    if whole >= 10 ** 38:
        return "division"
    rest = abs(a) - whole * abs(b)
    return fit(-rest if a < 0 else rest, precision, scale)


def operand(random_):
    digits = random_.choice((1, 2, 5, 9, 17, 18, 19, 20, 30, 37, 38))
    scale = random_.choice((0, 0, 1, 2, 6, 9, 18, 30, 37, 38))
    unscaled = random_.randrange(10 ** digits)
    if random_.random() < 0.1:
        unscaled = random_.choice((0, 1, 10 ** digits - 1, 5 * 10 ** (digits - 1)))
    return (-unscaled if random_.random() < 0.5 else unscaled), scale


def small(random_):
    """What jobs divide: amounts of a few digits."""
    unscaled = random_.randrange(10 ** random_.choice((1, 2, 3, 6, 9, 12)))
    return (-unscaled if random_.random() < 0.3 else unscaled), random_.choice((0, 1, 2, 4, 6))


def main():
    random_ = random.Random(38)
    for i in range(2500):
        operation = "+-*/%"[i % 5]
        draw = operand if i < 1500 else small
        (a, scale_a), (b, scale_b) = draw(random_), draw(random_)
        precision = random_.choice((5, 10, 18, 19, 30, 38, 38, 38))
        scale = random_.randrange(precision + 1)
        expected = result(operation, decimal.Decimal(a).scaleb(-scale_a), decimal.Decimal(b).scaleb(-scale_b),
                          precision, scale)
        print(operation, a, scale_a, b, scale_b, precision, scale, expected, sep="\t")


sys.exit(main())
