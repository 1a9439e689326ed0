"""What a guarded call costs: real WebRTC callers, a real server, and an ordinary pipeline to compare with."""
