"""Django's entry to the app."""

from django.apps import AppConfig


class NyxboardConfig(AppConfig):
    """Names the app and the type of its keys."""

    name = "nyxboard"
    default_auto_field = "django.db.models.BigAutoField"
