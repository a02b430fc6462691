"""The console's pages and API as a WSGI application, for granian."""

from importlib import import_module

from django.core.wsgi import get_wsgi_application

from bedside.console.log import name_process
from bedside.console.project.memory import settle

name_process("web")
application = get_wsgi_application()
settle()
# Its models can be had only now.
sidecar = import_module("bedside.console.health.sidecar")
beat = import_module("bedside.console.health.beat")
beat.Beat("web", admin_off=sidecar.is_missing()).start()
