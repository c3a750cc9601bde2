"""URLs of the dashboard."""

from django.urls import path

from nyxboard import views

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("healthz", views.healthz, name="healthz"),
]
