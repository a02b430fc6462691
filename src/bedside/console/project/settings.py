"""Django's settings, all drawn from one ConsoleConfig."""

from pathlib import Path

from django.utils.translation import gettext_lazy as _

from bedside.console.project.config import (
    config_file,
    database_settings,
    load_config,
)
from bedside.console.project.log import logging_settings
from bedside.console.project.secret_key import secret_key, secret_key_file

CONFIG = load_config()
CONFIG_FILE = config_file()

BEDSIDE_DATA_DIR = CONFIG.data_dir
BEDSIDE_LOG_ORIGIN = f"{CONFIG.public_host}/journal"

SECRET_KEY = secret_key(CONFIG)
BEDSIDE_SECRET_KEY_FILE = secret_key_file(CONFIG)
DEBUG = False
ALLOWED_HOSTS = [CONFIG.public_host, *CONFIG.allowed_hosts]

INSTALLED_APPS = [
    # First: its templates stand before those of allauth.
    "bedside.console.pages",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "django_tasks",
    "django_tasks_db",
    "bedside.console.project",
    "bedside.console.journal",
    "bedside.console.notices",
    "bedside.console.relays",
    "bedside.console.enrolment",
    "bedside.console.live",
    "bedside.console.backup",
    "bedside.console.health",
    "bedside.console.accounts",
    "bedside.console.devices",
    "bedside.console.cases",
    "bedside.console.sites",
    "bedside.console.access",
    "bedside.console.service_sessions",
    "bedside.console.monitoring",
    "bedside.console.people",
    "bedside.console.portal",
    "bedside.console.records",
]

MIDDLEWARE = [
    "bedside.console.project.middleware.trace_request",
    "bedside.console.project.log.log_request",
    "bedside.console.health.requests.measure_request",
    "bedside.console.health.tracing.trace_session_request",
    "bedside.console.project.middleware.set_security_headers",
    "bedside.console.project.calls.limit_calls",
    "bedside.console.project.calls.repeat_once",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "bedside.console.accounts.middleware.choose_language",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "bedside.console.accounts.middleware.end_idle_sign_in",
    "bedside.console.accounts.middleware.require_second_factor",
    "bedside.console.accounts.middleware.require_workstation",
    "bedside.console.pages.views.errors.say_wrong_method",
    "bedside.console.accounts.confirmation.ConfirmFirst",
]

ROOT_URLCONF = "bedside.console.project.urls"
CSRF_FAILURE_VIEW = "bedside.console.pages.views.errors.csrf_failed"
WSGI_APPLICATION = "bedside.console.project.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "bedside.console.project.context.installation",
            ]
        },
    }
]
FORM_RENDERER = "bedside.console.pages.controls.ControlRenderer"

DATABASES = {"default": database_settings(CONFIG)}
# Shared by all processes: rate limits, and one-time codes that were used already.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "shared_cache",
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}

# ---- Language and time ----
LANGUAGE_CODE = CONFIG.language
LANGUAGES = [("en", _("English")), ("fr", _("French"))]
LANGUAGE_COOKIE_NAME = "bedside_language"
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = CONFIG.secure
# Before those of any library: where it has the same sentence, ours is said.
LOCALE_PATHS = sorted(Path(__file__).parent.parent.glob("*/locale"))
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# ---- Static files: found in the package and served by the same process, nothing to collect ----
STATIC_URL = "/static/"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

# ---- What a browser is told ----
_PREFIX = "__Host-" if CONFIG.secure else ""
SESSION_COOKIE_NAME = f"{_PREFIX}bedside_session"
SESSION_COOKIE_SECURE = CONFIG.secure
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
# Counted from sign-in: a session is not saved at every request, so use does not extend it.
SESSION_COOKIE_AGE = CONFIG.sign_in.absolute_hours * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
CSRF_COOKIE_NAME = f"{_PREFIX}bedside_csrf"
CSRF_COOKIE_SECURE = CONFIG.secure
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_TRUSTED_ORIGINS = [CONFIG.public_url.rstrip("/")] if CONFIG.secure else []
SECURE_SSL_REDIRECT = CONFIG.secure and CONFIG.trusted_proxies > 0
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if CONFIG.trusted_proxies > 0 else None
)
SECURE_HSTS_SECONDS = 31_536_000 if CONFIG.secure else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = CONFIG.secure
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200
DATA_UPLOAD_MAX_NUMBER_FILES = 1

# ---- Accounts: personal, created by an administrator, with a second factor ----
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["bedside.console.accounts.sign_in.LockingBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
_VALIDATION = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"{_VALIDATION}.MinimumLengthValidator", "OPTIONS": {"min_length": 15}},
    {
        "NAME": f"{_VALIDATION}.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "name"), "max_similarity": 0.6},
    },
    {"NAME": f"{_VALIDATION}.CommonPasswordValidator"},
    {"NAME": "bedside.console.accounts.passwords.GuessablePasswordValidator"},
    {"NAME": "bedside.console.accounts.passwords.ReusedPasswordValidator"},
    {"NAME": "bedside.console.accounts.passwords.LongestPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "account_login"

ACCOUNT_ADAPTER = "bedside.console.accounts.sign_in.ClosedAccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PREVENT_ENUMERATION = "strict"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = CONFIG.sign_in.confirm_minutes * 60
# Looser for one account than [sign_in] failures: our own lock is the one that counts, and is told.
ACCOUNT_RATE_LIMITS = {"login_failed": "30/m/ip,100/5m/key"}
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if CONFIG.secure else "http"
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ALLAUTH_TRUSTED_PROXY_COUNT = CONFIG.trusted_proxies

# Single sign-on: providers are rows of our own, and make no accounts.
SOCIALACCOUNT_ADAPTER = "bedside.console.accounts.single_sign_on.SingleSignOnAdapter"
SOCIALACCOUNT_AUTO_SIGNUP = False
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_LOGIN_ON_GET = True
SOCIALACCOUNT_QUERY_EMAIL = False
SOCIALACCOUNT_REQUESTS_TIMEOUT = 5
SOCIALACCOUNT_STORE_TOKENS = False

MFA_ADAPTER = "bedside.console.accounts.second_factor.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_PASSKEY_SIGNUP_ENABLED = False
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_ISSUER = CONFIG.manufacturer
MFA_TOTP_TOLERANCE = 1
MFA_WEBAUTHN_USER_VERIFICATION = "required"
# Browsers treat localhost as secure; any other host without HTTPS is refused by parse_config.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not CONFIG.secure

NINJA_PAGINATION_MAX_LIMIT = 100

LOGGING = logging_settings(CONFIG.log.format)
