"""The configuration as it is typed: every table, key and default of secwatch.toml."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from secwatch.core import durations

Duration = Annotated[str, Meta(pattern=durations.PATTERN, description="a duration such as 90s, 15m, 24h, 7d")]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", description="letters, digits, . _ -")]
Positive = Annotated[int, Meta(gt=0)]
# Network logs are kept for no less than six months: Cybersecurity Law of the PRC, article 21 (quoted
# second-hand). Six calendar months are 181 to 184 days; 180 is the count that is customary for it.
LEGAL_DAYS = 180
NotNegative = Annotated[int, Meta(ge=0)]


class General(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[general]: the city and how it is spoken to."""

    city: str = "示范市"
    city_english: str = "Sample City"
    language: Literal["zh", "en"] = "zh"
    time_zone: str = "Asia/Shanghai"
    organisations: str = "organisations.toml"


class Sensor(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[sensor]: how packets become flows."""

    max_flows: Positive = 1_000_000
    tcp_idle: Duration = "300s"
    other_idle: Duration = "60s"
    attempt: Duration = "20s"
    active: Duration = "30m"
    window: Duration = "60s"
    ring_megabytes: Annotated[int, Meta(ge=2, le=4096)] = 64
    silent_after: Duration = "24h"


class Lake(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[lake]: how long flows and events are kept, and how much of the disk they may take.

    Fewer than LEGAL_DAYS days are accepted only with a reason in keep_less_because.
    """

    keep_days: Annotated[int, Meta(gt=0, le=36_500)] = 184
    keep_less_because: str = ""
    quota: Annotated[str, Meta(pattern=r"^([1-9][0-9]{0,8}[KMGT]|[1-9][0-9]?%)$", description="200G, or 80%")] = "80%"
    alert_percent: Annotated[int, Meta(gt=0, le=100)] = 80
    drop_beyond_quota: bool = False


class Detect(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[detect]: bounds of one run of the detections, and detections switched off."""

    memory_megabytes: Positive = 1024
    timeout: Duration = "10m"
    disabled: tuple[str, ...] = ()


class Scan(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[scan]: how files are scanned."""

    threads: Positive = 2
    max_megabytes: Positive = 256
    timeout: Duration = "60s"
    memory_megabytes: Annotated[int, Meta(ge=100)] = 400
    exclude: tuple[str, ...] = ("/proc", "/sys", "/dev", "/run")
    signed_packs_only: bool = False


class Warn(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[warn]: when alerts become early warnings."""

    minimum_severity: Annotated[int, Meta(ge=1, le=4)] = 2
    spread_organisations: Positive = 3
    blue_expires: Duration = "7d"
    yellow_expires: Duration = "3d"
    orange_expires: Duration = "24h"


class Bulletin(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[bulletin]: the weekly bulletin."""

    title: str = "网络安全预警预报周报"
    title_english: str = "Weekly cybersecurity warning and forecast bulletin"
    marking: Literal["TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT", "TLP:RED"] = "TLP:AMBER+STRICT"
    issuer: str = ""


class Repository(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[backup.repositories.NAME]: one restic repository. One per department (keys of one share a master key)."""

    location: Annotated[str, Meta(min_length=1)]
    password_file: str | None = None
    password_command: tuple[str, ...] | None = None
    password_credential: Name | None = None


class FilesSource(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind", tag="files"):
    """[[backup.jobs.NAME.sources]] kind = "files": directories and files as they are."""

    paths: Annotated[tuple[str, ...], Meta(min_length=1)]
    exclude: tuple[str, ...] = ()
    one_file_system: bool = True


class Policy(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[backup.defaults] and [backup.jobs.NAME.policy]: targets of a job."""

    every: Duration = "24h"
    rpo: Duration = "24h"
    rto: Duration = "4h"
    compression: Literal["auto", "off", "max"] = "auto"
    manifest: Literal["sample", "full"] = "sample"


class Job(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[backup.jobs.NAME]: what of a department is backed up, where to, and by which policy.

    Keys missing in its policy table are taken from [backup.defaults].
    """

    organisation: Annotated[str, Meta(min_length=1)]
    repository: Name
    sources: Annotated[tuple[FilesSource, ...], Meta(min_length=1)]
    policy: Policy = Policy()


class Backup(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[backup]: the restic program, repositories and jobs."""

    restic: str = "restic"
    timeout: Duration = "24h"
    lock_wait: Duration = "2m"
    defaults: Policy = Policy()
    repositories: dict[Name, Repository] = field(default_factory=dict)
    jobs: dict[Name, Job] = field(default_factory=dict)


class Settings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that secwatch.toml may say."""

    general: General = General()
    sensor: Sensor = Sensor()
    lake: Lake = Lake()
    detect: Detect = Detect()
    scan: Scan = Scan()
    warn: Warn = Warn()
    bulletin: Bulletin = Bulletin()
    backup: Backup = field(default_factory=Backup)


def as_builtins(settings: Settings) -> dict[str, object]:
    """Return the settings as plain dicts, lists and values, in the order of the tables."""
    result = msgspec.to_builtins(settings)
    if not isinstance(result, dict):
        raise TypeError("settings are a table")
    return result
