"""A mail server on loopback that wants STARTTLS and a password, and prints each mail as JSON.

Arguments: the certificate, its key, the user and the password. Its port is the first line.
"""

import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


class Printer:
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        said = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": session.ssl is not None,
            "authenticated": session.authenticated,
            "headers": {name: str(value) for name, value in mail.items()},
            "parts": {part.get_content_type(): part.get_content() for part in mail.iter_parts()},
        }
        print(json.dumps(said), flush=True)
        return "250 taken"


def authenticator(user, password):
    def check(server, session, envelope, mechanism, given):
        right = isinstance(given, LoginPassword) and given == LoginPassword(
            user.encode(), password.encode()
        )
        return AuthResult(success=right, handled=True)

    return check


async def main(certificate, key, user, password):
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)

    def session():
        return SMTP(
            Printer(),
            hostname="localhost",
            tls_context=tls,
            require_starttls=True,
            auth_required=True,
            authenticator=authenticator(user, password),
        )

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main(*sys.argv[1:]))
