"""The specialist's command line: log in, request, connect with plain OpenSSH."""
