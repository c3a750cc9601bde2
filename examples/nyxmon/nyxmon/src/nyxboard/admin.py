"""Targets and results in Django's admin."""

from django.contrib import admin

from nyxboard.models import Result, Target

admin.site.register(Target)
admin.site.register(Result)
