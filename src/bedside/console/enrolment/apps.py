"""The enrolment app."""

from django.apps import AppConfig


class EnrolmentConfig(AppConfig):
    """Registers the app under the label `enrolment`."""

    name = "bedside.console.enrolment"
    label = "enrolment"
    default_auto_field = "django.db.models.BigAutoField"
