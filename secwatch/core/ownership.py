"""Who owns what: an address, host, domain or path → the organisation responsible for it.

Longest match wins: a /28 before a /24, `a.example.gov` before `example.gov`, `/srv/a/b` before `/srv/a`.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import PurePosixPath

from secwatch.core.model import Organisation


class Ownership:
    """A look-up table over the registry's organisations; build once, ask often."""

    def __init__(self, organisations: Iterable[Organisation]):
        self._networks: dict[tuple[int, int], dict[int, str]] = {}
        self._prefixes: dict[int, list[int]] = {4: [], 6: []}
        self._names: dict[str, str] = {}
        self._paths: dict[PurePosixPath, str] = {}
        for organisation in organisations:
            for block in organisation.netblocks:
                self._add_network(ip_network(block, strict=False), organisation.code)
            for name in (*organisation.domains, *organisation.hosts):
                self._names[name.lower().rstrip(".")] = organisation.code
            for path in organisation.paths:
                self._paths[PurePosixPath(path)] = organisation.code
        for version in self._prefixes:
            self._prefixes[version].sort(reverse=True)

    def _add_network(self, network: IPv4Network | IPv6Network, code: str) -> None:
        table = self._networks.setdefault((network.version, network.prefixlen), {})
        if not table:
            self._prefixes[network.version].append(network.prefixlen)
        table[int(network.network_address)] = code

    def of_address(self, text: str) -> str | None:
        """Return the code of the organisation whose longest netblock holds the address, or None."""
        try:
            address = ip_address(text)
        except ValueError:
            return None
        value, width = int(address), address.max_prefixlen
        for prefix in self._prefixes[address.version]:
            base = value >> (width - prefix) << (width - prefix)
            code = self._networks[address.version, prefix].get(base)
            if code is not None:
                return code
        return None

    def of_name(self, text: str) -> str | None:
        """Return the code for a host or domain name: itself or its nearest registered parent."""
        name = text.lower().rstrip(".")
        while name:
            if name in self._names:
                return self._names[name]
            name = name.partition(".")[2]
        return None

    def of_path(self, *names: str) -> str | None:
        """Return the code for a path: itself or its nearest registered parent directory.

        Of several names of one place the one with the longest registered path decides, of equal ones the first.
        """
        found = [candidate for path in map(PurePosixPath, names) for candidate in (path, *path.parents)]
        registered = [candidate for candidate in found if candidate in self._paths]
        return self._paths[max(registered, key=lambda path: len(path.parts))] if registered else None

    def of(self, text: str | None) -> str | None:
        """Return the owner of an address, path or name, whichever the text is; None if nobody's."""
        if not text:
            return None
        if text.startswith("/"):
            return self.of_path(text)
        return self.of_address(text) or self.of_name(text)
