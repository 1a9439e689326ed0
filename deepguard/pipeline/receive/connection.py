"""A WebRTC connection that receives and sends nothing."""

from __future__ import annotations

from aiortc import RTCPeerConnection
from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection


class ReceiveOnlyConnection(SmallWebRTCConnection):
    """Answers offers so that nothing is sent back: a silent track costs its encoder, and a packet every 20 ms.

    For calls in whose pipeline nobody speaks or shows anything.
    """

    def force_transceivers_to_send_recv(self) -> None:
        """Have every track received only; what Pipecat calls before it answers."""
        for transceiver in self.pc.getTransceivers():
            transceiver.direction = "recvonly"


async def stop_senders(pc: RTCPeerConnection) -> None:
    """End what would send, where an answer said that something may be sent and nothing is.

    A sender without a track looks for one fifty times a second.

    Args:
        pc: Connected, and answered by somebody else.
    """
    for sender in pc.getSenders():
        if sender.track is None:
            await sender.stop()


__all__ = ["ReceiveOnlyConnection", "stop_senders"]
