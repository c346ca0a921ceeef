"""Raises a chained error with everything a real application sets, through the real Python SDK.

Usage: SENTRY_DSN=… python3 raise.py MARK — prints the event id.
MARK is put into the message, so that the test finds its own event.
"""

import sys

import sentry_sdk

mark = sys.argv[1]

sentry_sdk.init(
    release="shop-api@1.4.2",
    environment="staging",
    server_name="web-01",
    send_default_pii=True,
)


class PaymentError(Exception):
    pass


def charge(card_number, amount):
    if amount > 10:
        raise ValueError(f"amount {amount} too large for card {card_number}")


def checkout(order):
    password = "hunter2-PLACEHOLDER"
    try:
        charge("4111111111111111", order["amount"])
    except ValueError as error:
        raise PaymentError(f"payment failed {mark}") from error
    return password


sentry_sdk.set_user({"id": "u-1", "username": "jane"})
sentry_sdk.set_tag("customer.tier", "gold")
sentry_sdk.add_breadcrumb(category="cart", message="added item 7", level="info", data={"qty": 2})
try:
    checkout({"amount": 99})
except PaymentError as error:
    print(sentry_sdk.capture_exception(error))
sentry_sdk.flush(10)
