"""Which processes of this console run, on every host."""

from typing import ClassVar

from django.db import models

__all__ = ["ProcessSeen"]


class ProcessSeen(models.Model):
    """A process that said within the last day that it runs; it says so every quarter of a minute."""

    kind = models.CharField(max_length=16)
    """`web`, `live` or `worker`; text, so that a new kind is no migration."""
    host = models.CharField(max_length=253)
    pid = models.IntegerField()
    version = models.CharField(max_length=40)
    started_ms = models.BigIntegerField()
    seen_ms = models.BigIntegerField()
    admin_off = models.BooleanField(default=False, db_default=False)
    """Whether it serves without the admin address that its configuration names."""

    class Meta:
        """A process is one row."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["kind", "host", "pid"], name="process_seen")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pid} on {self.host}"
