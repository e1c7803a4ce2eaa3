"""Composing a bulletin: material in, document out; and keeping the edition."""

from __future__ import annotations

from dataclasses import replace

from secwatch.bulletin.document import Bulletin, from_json, to_json
from secwatch.bulletin.material import Material
from secwatch.bulletin.outlook import outlook
from secwatch.bulletin.rating import Formula, metrics_of, rate
from secwatch.bulletin.sections.appendix import appendix
from secwatch.bulletin.sections.recovery import recovery
from secwatch.bulletin.sections.situation import key_figures, situation
from secwatch.bulletin.sections.threats import attacks, malware, organisations
from secwatch.bulletin.sections.warned import advice, warned
from secwatch.core.model import Text
from secwatch.core.moments import to_text
from secwatch.store import bulletins
from secwatch.store.bulletins import Stored
from secwatch.system.database import Database
from secwatch.system.settings import Settings


def compose(material: Material, settings: Settings, formula: Formula, edition: int = 1) -> Bulletin:
    """Return the document of a week, in the order of CNCERT's weekly reports as far as there is data. Pure."""
    rating = rate(metrics_of(material), formula)
    figures = key_figures(material)
    city = Text(settings.general.city, settings.general.city_english)
    issuer = settings.bulletin.issuer
    return Bulletin(
        year=material.week.year,
        week=material.week.number,
        edition=edition,
        city=city,
        title=Text(settings.bulletin.title, settings.bulletin.title_english),
        issuer=Text(issuer, issuer) if issuer else Text("（待签发）", "(not signed)"),
        marking=settings.bulletin.marking,
        first_day=material.week.monday.isoformat(),
        last_day=material.week.sunday.isoformat(),
        time_zone=material.zone.key,
        composed_at=to_text(material.now),
        rating=rating,
        figures=figures,
        sections=(
            situation(material, rating, figures),
            attacks(material),
            malware(material),
            recovery(material),
            warned(material),
            organisations(material),
            outlook(material),
            advice(material),
            appendix(material, formula),
        ),
    )


def keep(database: Database, bulletin: Bulletin, material: Material) -> tuple[Stored, Bulletin]:
    """Keep a document as the next edition of its week and return both; earlier editions stay."""
    week = material.week
    with database.atomic():
        bulletins.claim(database)
        number = bulletins.next_edition(database, week.year, week.number)
        numbered = replace(bulletin, edition=number)
        stored = bulletins.add(database, week.year, week.number, number, material.now, to_json(numbered))
    return stored, numbered


def read(stored: Stored) -> Bulletin:
    """Return the document of a stored edition."""
    return from_json(stored.body)
