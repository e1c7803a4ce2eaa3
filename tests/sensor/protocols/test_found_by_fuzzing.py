"""What fuzzing found in the parsers, one test a finding."""

from __future__ import annotations

import pytest

from secwatch.sensor.protocols import kerberos
from secwatch.sensor.protocols.row import Malformed
from tests.sensor.protocols import windows_messages as made


def test_kerberos_takes_no_reply_for_a_request() -> None:
    """An error in the place of the request ended in a KeyError."""
    asked = made.ticket_request(0x6A, "roast", ("krbtgt", "CITY.TEST"), (18, 23))
    for request, response in ((made.kerberos_error(25), b""), (b"", asked), (asked, asked)):
        with pytest.raises(Malformed):
            list(kerberos.parse(request, response))
