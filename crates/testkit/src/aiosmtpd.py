"""A real relay of mail for tests: aiosmtpd on this machine.

Takes one argument, JSON: `port` (0 for any), `speech` (`tls`, `starttls` or `clear`), the PEM files `certificate` and
`key`, `login` (name and password, or null), `refuse` (addresses) and `mailbox`, the file that each message is appended to
as a line of JSON. Says its port in a line, and answers until it is stopped.
"""

import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

said = json.loads(sys.argv[1])


class Mailbox:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in said["refuse"]:
            return f"550 5.1.1 <{address}>: nobody has this mailbox"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        taken = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": server.transport.get_extra_info("sslcontext") is not None,
            "text": envelope.content.decode("ascii"),
        }
        with open(said["mailbox"], "a", encoding="ascii") as mailbox:
            mailbox.write(json.dumps(taken) + "\n")
        return "250 2.0.0 taken"


def knows(server, session, envelope, mechanism, data):
    shown = isinstance(data, LoginPassword) and [data.login.decode(), data.password.decode()]
    return AuthResult(success=shown == said["login"], handled=False)


async def main():
    context = None
    if said["speech"] != "clear":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(said["certificate"], said["key"])
    starts = said["speech"] == "starttls"

    def session():
        return SMTP(
            Mailbox(),
            hostname="relay.example",
            tls_context=context if starts else None,
            require_starttls=starts,
            authenticator=knows if said["login"] else None,
            auth_required=bool(said["login"]),
            # Under TLS from the first byte, it does not know that it is.
            auth_require_tls=starts,
        )

    loop = asyncio.get_running_loop()
    wrapped = context if said["speech"] == "tls" else None
    server = await loop.create_server(session, "127.0.0.1", said["port"], ssl=wrapped)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
