"""Sends what an application sends, through a Python SDK of an earlier year.

Usage: SENTRY_DSN=… python3 send.py raven|sentry1 MARK
Prints JSON: the id of the error, and whether it sent a transaction and a session.
"""

import json
import sys

sdk, mark = sys.argv[1:3]


class PaymentError(Exception):
    pass


def checkout():
    raise PaymentError(f"payment of 4111111111111111 failed {mark}")


def raven():
    import os

    from raven import Client
    from raven.transport.http import HTTPTransport

    client = Client(
        os.environ["SENTRY_DSN"],
        transport=HTTPTransport,
        release="legacy@1.0.0",
        environment="staging",
    )
    client.context.activate()
    client.user_context({"id": "u-1"})
    client.tags_context({"customer.tier": "gold"})
    client.captureBreadcrumb(message="added item 7", category="cart", level="info")
    try:
        checkout()
    except PaymentError:
        event = client.captureException()
    return {"event": event, "transaction": False, "session": False}


def sentry1():
    import sentry_sdk
    from sentry_sdk.sessions import auto_session_tracking

    sentry_sdk.init(release="legacy@1.0.0", environment="staging", traces_sample_rate=1.0)
    with auto_session_tracking(session_mode="application"):
        sentry_sdk.set_user({"id": "u-1"})
        sentry_sdk.set_tag("customer.tier", "gold")
        sentry_sdk.add_breadcrumb(category="cart", message="added item 7", level="info")
        try:
            checkout()
        except PaymentError as error:
            event = sentry_sdk.capture_exception(error)
        with sentry_sdk.start_transaction(name=f"checkout {mark}", op="task"):
            pass
    sentry_sdk.flush(10)
    return {"event": event, "transaction": True, "session": True}


print(json.dumps({"raven": raven, "sentry1": sentry1}[sdk]()))
