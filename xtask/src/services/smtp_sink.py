"""An SMTP server that keeps what it is given, for tests: `smtp_sink.py DIRECTORY PORT`.

It writes DIRECTORY/ports.json once it takes connections, DIRECTORY/ca.pem to trust it by, and DIRECTORY/mail/N.json for each
message. It ends when DIRECTORY/stop is there. What an address begins with, up to the first `-`, says what goes wrong:

nobody  refused for good         busy  refused for now
spam    message refused for good full  message refused for now
cut     kept, and cut off        mute  kept, and never answered
"""

import asyncio
import email
import email.policy
import json
import pathlib
import ssl
import sys

import trustme
from aiosmtpd.smtp import SMTP, AuthResult

RECIPIENT = {"nobody": "550 5.1.1 nobody of this name", "busy": "450 4.2.0 greylisted"}
MESSAGE = {"spam": "554 5.7.1 not wanted", "full": "452 4.2.2 no room"}


def fault(address):
    return address.split("@")[0].split("-")[0]


class Sink:
    def __init__(self, directory):
        self.directory = directory / "mail"
        self.directory.mkdir()
        self.count = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        refused = RECIPIENT.get(fault(address))
        if refused is None:
            envelope.rcpt_tos.append(address)
        return refused or "250 2.1.5 fine"

    async def handle_DATA(self, server, session, envelope):
        what = fault(envelope.rcpt_tos[0])
        if what in MESSAGE:
            return MESSAGE[what]
        self.keep(server, session, envelope)
        if what == "cut":
            server.transport.abort()
        if what in ("cut", "mute"):
            await asyncio.sleep(3600)
        return "250 2.0.0 kept"

    def keep(self, server, session, envelope):
        message = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
        kept = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "id": str(message["Message-ID"]).strip("<>"),
            "subject": str(message["Subject"]),
            "text": message.get_content().replace("\r\n", "\n"),
            "automatic": message["Auto-Submitted"],
            "tls": server.transport.get_extra_info("ssl_object") is not None,
            "user": session.auth_data,
        }
        self.count += 1
        part = self.directory / f"{self.count:06}.part"
        part.write_text(json.dumps(kept))
        part.rename(part.with_suffix(".json"))


def authenticate(server, session, envelope, mechanism, login):
    good = login.login == b"user" and login.password == b"secret"
    return AuthResult(success=good, auth_data="user" if good else None)


async def main(directory, port):
    ca = trustme.CA()
    ca.cert_pem.write_to_path(directory / "ca.pem")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("localhost").configure_cert(tls)
    sink = Sink(directory)
    signed_in = {"authenticator": authenticate, "auth_required": True}
    loop = asyncio.get_running_loop()

    async def listen(port=0, tls=None, **options):
        def serve():
            return SMTP(sink, hostname="sink.example", enable_SMTPUTF8=False, loop=loop, **options)

        server = await loop.create_server(serve, "127.0.0.1", port, ssl=tls)
        return server.sockets[0].getsockname()[1]

    ports = {
        "plain": await listen(port),
        "starttls": await listen(tls_context=tls, require_starttls=True, **signed_in),
        "smtps": await listen(tls=tls, auth_require_tls=False, **signed_in),
    }
    part = directory / "ports.part"
    part.write_text(json.dumps(ports))
    part.rename(directory / "ports.json")
    while not (directory / "stop").exists():
        await asyncio.sleep(0.05)


asyncio.run(main(pathlib.Path(sys.argv[1]), int(sys.argv[2])))
