"""Which network addresses a notifier may reach. Pure."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

_NAT64 = IPv6Network("64:ff9b::/96")


def may_reach(address: str, *, allow_private: bool) -> bool:
    """Whether this address may be connected to.

    Public ones always; loopback, private and shared ones if `allow_private`. Never those that
    serve a cloud's metadata (link-local), stand for no host (unspecified), or for many
    (multicast, broadcast).
    """
    try:
        inner = _embedded(ip_address(address))
    except ValueError:
        return False
    if inner.is_multicast or inner.is_link_local or inner.is_unspecified:
        return False
    if inner.is_loopback:
        return allow_private
    if inner.is_reserved:
        return False
    return inner.is_global or allow_private


def _embedded(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 one stands for (mapped, 6to4, NAT64), or the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
