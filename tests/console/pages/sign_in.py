"""Print the cookie of somebody who is signed in to a running console."""

import json
import sys

import django


def main(name: str) -> None:
    django.setup()
    from django.conf import settings
    from django.test import Client

    from tests.console.pages.reader import BACKEND, confirm
    from tests.console.world import person

    client = Client()
    client.force_login(person(name), backend=BACKEND)
    confirm(client, name)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    print(json.dumps({"name": cookie.key, "value": cookie.value}))


if __name__ == "__main__":
    main(sys.argv[1])
