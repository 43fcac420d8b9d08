"""A real OpenID provider for tests: canaille over TLS on this machine, its people and its client in memory.

Takes one argument, JSON: `people` by name with their passwords, `client` with `id`, `secret` (perhaps null), `redirect`
and `algorithm`, and the PEM files `certificate` and `key`. Says its issuer in a line, and answers until it is stopped.
"""

import asyncio
import json
import os
import socket
import sys

from asgiref.wsgi import WsgiToAsgi
from hypercorn.asyncio import serve
from hypercorn.config import Config
from joserfc.jwk import ECKey, RSAKey

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend

said = json.loads(sys.argv[1])
listener = socket.create_server(("127.0.0.1", 0))
name = f"localhost:{listener.getsockname()[1]}"
keys = [RSAKey.generate_key(2048, auto_kid=True), ECKey.generate_key("P-256", auto_kid=True)]
app = create_app(
    {
        "SECRET_KEY": os.urandom(32).hex(),
        "SERVER_NAME": name,
        "PREFERRED_URL_SCHEME": "https",
        "CANAILLE": {
            "DATABASE": "memory",
            "JAVASCRIPT": False,
            "HTMX": False,
            "SMTP": None,
            "CAPTCHA_ENABLED": False,
            "LANGUAGE": "en",
        },
        "CANAILLE_OIDC": {"ACTIVE_JWKS": [key.as_dict(private=True) for key in keys]},
    },
    env_file=None,
)
with app.app_context(), Backend.instance.session():
    store = Backend.instance
    for person, password in said["people"].items():
        user = models.User(user_name=person, formatted_name=person, family_name=person, password=password)
        store.save(user)
    client = models.Client(
        client_id=said["client"]["id"],
        client_name="a site under test",
        client_secret=said["client"]["secret"] or "",
        redirect_uris=[said["client"]["redirect"]],
        grant_types=["authorization_code"],
        response_types=["code"],
        scope=["openid"],
        token_endpoint_auth_method="client_secret_basic" if said["client"]["secret"] else "none",
        id_token_signed_response_alg=said["client"]["algorithm"],
    )
    store.save(client)
    client.audience = [client]
    store.save(client)
server = Config()
server.bind = [f"fd://{listener.fileno()}"]
server.certfile, server.keyfile = said["certificate"], said["key"]
print(f"https://{name}", flush=True)
asyncio.run(serve(WsgiToAsgi(app), server))
