"""The console's own settings over a configuration in a temporary folder."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from tests.console import databases

_FOLDER = Path(tempfile.mkdtemp(prefix="bedside-console-"))
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)
_FILE = _FOLDER / "console.toml"
_FILE.write_text(
    f"""
public_url = "http://localhost"
data_dir = "{_FOLDER}/data"
allowed_hosts = ["testserver"]
manufacturer = "Bayard Imaging"
{databases.line("bedside")}
[sign_in]
passkey_roles = []
""",
    encoding="utf-8",
)
databases.shared()  # by the first process, for those of pytest-xdist
os.environ["BEDSIDE_CONSOLE_CONFIG"] = str(_FILE)  # noqa: TID251 - read by the settings below

from bedside.console.project.settings import *  # noqa: E402, F403

str(SECRET_KEY)  # noqa: F405 - made, as `init` does

# Hashing at full cost would make every test slow; the real hasher has its own test.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
if not databases.on_postgresql():
    # A path of its own: pytest-xdist adds each worker's name to the end of it.
    DATABASES["default"]["TEST"] = {"NAME": str(_FOLDER / "tests.sqlite3")}  # noqa: F405
