"""The receive path: takes from a WebRTC connection only the media that a sample needs."""
