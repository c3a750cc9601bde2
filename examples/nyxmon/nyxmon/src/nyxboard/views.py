"""The dashboard, and an answer for whoever asks whether it runs."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from nyxboard.models import Target


def dashboard(request: HttpRequest) -> HttpResponse:
    """Every target with its newest result."""
    targets = Target.objects.filter(enabled=True)
    return render(request, "nyxboard/dashboard.html", {"targets": targets})


def healthz(request: HttpRequest) -> HttpResponse:
    """Answer only when the database does."""
    return JsonResponse({"status": "ok", "targets": Target.objects.count()})
