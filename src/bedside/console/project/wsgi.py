"""The console's pages and API as a WSGI application, for granian."""

from django.core.wsgi import get_wsgi_application

from bedside.console.project.memory import settle

application = get_wsgi_application()
settle()
