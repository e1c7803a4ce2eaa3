"""Finding the packets in a block of a capture ring (AF_PACKET, TPACKET_V3), where the kernel put them.

Layout: include/uapi/linux/if_packet.h of Linux; numbers are in the machine's own order, which is little-endian on
every machine that secwatch runs on. The block is memory that the kernel wrote, so its
offsets are right; they are still checked against the end of the block, as everything is.
"""

from __future__ import annotations

from secwatch.sensor.kernels.compiler import kernel, part
from secwatch.sensor.kernels.index import (
    CORRUPT,
    COUNT,
    INDEX_FULL,
    INDEX_ROWS,
    LARGEST_PACKET,
    LEFT,
    LINK_TYPE,
    NEED_MORE,
    SKIP_OUTGOING,
    PacketIndex,
)
from secwatch.sensor.kernels.link import ETHERNET, NOT_AN_IP_LINK
from secwatch.sensor.kernels.reads import Bytes, big16, byte, file16, file32

BLOCK_HEADER = 48  # struct tpacket_block_desc
PACKETS, FIRST_PACKET = 12, 16  # places in it: number of packets, offset of the first
PACKET_HEADER = 68  # struct tpacket3_hdr (48), then struct sockaddr_ll (20)
VLAN_VALID, VLAN_TYPE_VALID = 0x10, 0x40  # TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID
OUTGOING = 4  # PACKET_OUTGOING
RAW_IPV4, RAW_IPV6 = 228, 229


@kernel
def index_ring(data: Bytes, offset: int, block: int, end: int, index: PacketIndex) -> tuple[int, int]:
    """Fill the index from the ring block data[block:end]. Return (where to go on, why it stopped).

    `offset` is `block` at first, then what the call before returned. NEED_MORE means the block is done, CORRUPT
    that its chain of packets leaves the block: what stood before is in the index.
    """
    count = 0
    reason = NEED_MORE
    if offset == block:
        if block + BLOCK_HEADER > end:
            index.file[COUNT] = 0
            return offset, CORRUPT
        index.file[LEFT] = file32(data, block + PACKETS, False)
        offset = block + file32(data, block + FIRST_PACKET, False)
    while index.file[LEFT] > 0:
        if count == INDEX_ROWS:
            reason = INDEX_FULL
            break
        if offset < block + BLOCK_HEADER or offset + PACKET_HEADER > end:
            reason = CORRUPT
            break
        if index.file[SKIP_OUTGOING] == 0 or byte(data, offset + 58) != OUTGOING:
            if not _add(data, offset, end, index, count):
                reason = CORRUPT
                break
            count += 1
        index.file[LEFT] -= 1
        following = file32(data, offset, False)
        if following < PACKET_HEADER and index.file[LEFT] > 0:
            reason = CORRUPT
            break
        offset += following
    index.file[COUNT] = count
    return offset, reason


@part
def _add(data: Bytes, offset: int, end: int, index: PacketIndex, count: int) -> bool:
    """Add the packet whose header is at `offset`. Return whether it lies within the block."""
    captured = file32(data, offset + 12, False)
    ethernet = index.file[LINK_TYPE] == ETHERNET
    start = offset + file16(data, offset + (24 if ethernet else 26), False)  # its frame, or its network header
    if captured > LARGEST_PACKET or start < offset + PACKET_HEADER or start + captured > end:
        return False
    link = index.file[LINK_TYPE]
    if not ethernet:
        kind = big16(data, offset + 50)
        link = RAW_IPV4 if kind == 0x0800 else RAW_IPV6 if kind == 0x86DD else NOT_AN_IP_LINK
    status = file32(data, offset + 20, False)
    vlan = 0
    if status & VLAN_VALID:
        kind = file16(data, offset + 36, False) if status & VLAN_TYPE_VALID else 0x8100
        vlan = (kind << 16) | (file32(data, offset + 32, False) & 0xFFFF)
    index.times[count] = file32(data, offset + 4, False) * 1000000 + file32(data, offset + 8, False) // 1000
    index.offsets[count] = start
    index.captured[count] = captured
    index.wire[count] = max(captured, min(file32(data, offset + 16, False), LARGEST_PACKET))
    index.links[count] = link
    index.vlans[count] = vlan
    return True
