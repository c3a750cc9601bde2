# The first tables: targets and their results.

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name="Target",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100, unique=True)),
                ("url", models.CharField(max_length=500)),
                ("interval_seconds", models.PositiveIntegerField(default=60)),
                ("enabled", models.BooleanField(default=True)),
                ("next_check_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("consecutive_failures", models.PositiveIntegerField(default=0)),
                ("alerted_at", models.FloatField(blank=True, null=True)),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Result",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("checked_at", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ("ok", models.BooleanField()),
                ("message", models.CharField(max_length=500)),
                ("seconds", models.FloatField()),
                ("target", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="results", to="nyxboard.target")),
            ],
            options={
                "ordering": ["-checked_at"],
            },
        ),
    ]
